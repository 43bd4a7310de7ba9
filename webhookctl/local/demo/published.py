"""The examples that senders publish in their own documents: secret, headers and body, to the byte."""

from dataclasses import dataclass

from webhookctl.local.demo.delivery import Delivery, Kind


@dataclass(frozen=True, slots=True)
class Example:
    """A request as published, and the secret that its signature is made with."""

    delivery: Delivery
    secret: str


def _example(source: str, secret: str, headers: dict[str, str], body: str, at: float | None = None) -> Example:
    return Example(Delivery(Kind.PUBLISHED, source, headers, body.encode(), event="published", at=at), secret)


EXAMPLES = (
    # https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries
    _example(
        "github",
        "It's a Secret to Everybody",
        {
            "Content-Type": "application/json",
            "X-Hub-Signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
        },
        "Hello, World!",
    ),
    # https://docs.slack.dev/authentication/verifying-requests-from-slack
    _example(
        "slack",
        "8f742231b10e8888abcd99yyyzzz85a5",
        {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Slack-Request-Timestamp": "1531420618",
            "X-Slack-Signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
        },
        "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V"
        "&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text="
        "&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN"
        "&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c",
        at=1531420618,
    ),
    # https://github.com/standard-webhooks/standard-webhooks, the sign test that its reference libraries share
    _example(
        "billing",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
        {
            "Content-Type": "application/json",
            "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "webhook-timestamp": "1614265330",
            "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        },
        '{"test": 2432232314}',
        at=1614265330,
    ),
)
