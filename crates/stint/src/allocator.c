/* How jemalloc is set up; it reads this before main. Its defaults suit a machine that is all for one
   program: four arenas for each core, and ten seconds until pages go that nobody uses. After a burst,
   such as a snapshot that comes in, a replica then keeps twice what it needs. Something else can be
   said by the variable _RJEM_MALLOC_CONF. */
const char *_rjem_malloc_conf = "narenas:4,dirty_decay_ms:1000,muzzy_decay_ms:0";
