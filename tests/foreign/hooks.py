"""What the checker of the document cannot know: which values lead beyond the first refusal."""

import schemathesis

# One that each replica has, and runs at once.
ACTION = "noop"

# Texts with a grammar of their own. What breaks it is sent by the tests of the gateway.
TEXTS = {
    "action": ACTION,
    "user": "somebody",
    "schedule": "0 0 1 * * 0",
    "timeZone": "Europe/Berlin",
    "scheduledAt": "2017-02-17T01:09:47.771Z",
    "expiresAt": "2117-02-17T01:09:47.771Z",
    "deadline": "1.5h",
    "stopTimeout": "300ms",
    "jobHistoryMaxAge": "24h",
    "role": "operator",
}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Makes what is meant to be taken such that it is, and follows nothing.

    Output that is followed ends with its job, and most of these jobs wait for ever.
    """
    if case.query and "stream" in case.query:
        case.query["stream"] = "false"
    if case.path.startswith("/meta/members/"):
        # The cluster is still to answer afterwards: no member of it leaves.
        case.path_parameters["id"] = "00000000ffff"
    if not case.meta.generation.mode.is_positive:
        # An empty text is the default, which the document says by allowEmptyValue.
        empty = [name for name, text in (case.query or {}).items() if text == ""]
        case.query.update({name: "x" for name in empty})
        return
    if isinstance(case.body, dict):
        case.body.update({name: text for name, text in TEXTS.items() if case.body.get(name)})
    if case.path.startswith(("/crons/", "/action_configs/")):
        case.path_parameters["id"] = ACTION
