/*
 * The two things of the operating system that would make a seed differ from itself: random bytes and
 * the wall clock. The program's definitions go before those of the C library, for all that is linked
 * into it: hash maps, ids, the dice of the runtime and of Raft.
 *
 * The seed is STINT_SIM_SEED of the environment. The wall clock stands still until clock_settime sets
 * it. All other clocks are the machine's.
 */
#define _GNU_SOURCE
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

static atomic_ullong drawn;
static atomic_llong wall_ns = 1800000000000000000LL;

/* splitmix64 */
static uint64_t draw(void) {
    static _Atomic uint64_t seed;
    uint64_t base = atomic_load(&seed);
    if (base == 0) {
        const char *text = getenv("STINT_SIM_SEED");
        base = (text ? strtoull(text, NULL, 10) : 0) * 2 + 1;
        atomic_store(&seed, base);
    }
    uint64_t next = atomic_fetch_add(&drawn, 1) + 1;
    uint64_t z = base * 0xd1342543de82ef95ULL + next * 0x9e3779b97f4a7c15ULL;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
    return z ^ (z >> 31);
}

ssize_t getrandom(void *buffer, size_t length, unsigned int flags) {
    (void)flags;
    unsigned char *out = buffer;
    for (size_t at = 0; at < length;) {
        uint64_t word = draw();
        for (int byte = 0; byte < 8 && at < length; byte++, at++)
            out[at] = (unsigned char)(word >> (8 * byte));
    }
    return (ssize_t)length;
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    if (clock != CLOCK_REALTIME)
        return (int)syscall(SYS_clock_gettime, clock, now);
    long long ns = atomic_load(&wall_ns);
    now->tv_sec = (time_t)(ns / 1000000000LL);
    now->tv_nsec = (long)(ns % 1000000000LL);
    return 0;
}

int clock_settime(clockid_t clock, const struct timespec *now) {
    (void)clock;
    atomic_store(&wall_ns, (long long)now->tv_sec * 1000000000LL + now->tv_nsec);
    return 0;
}
