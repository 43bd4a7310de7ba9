from typing import Any

import pytest

from processor.effects import load_effect
from processor.effects.postgres_login import InvalidLogin, read_login


def read_nothing(name: str) -> list[str]:
    raise AssertionError(f"{name} was read at init")


@pytest.mark.parametrize(
    "configuration",
    [
        {"kind": "handler", "handler": "json:loads", "postgres_secret_name": "webhook/shop/postgres"},
        {"kind": "handler", "handler": "json:loads", "postgres_secret_name": None},
        {"kind": "postgres", "secret_name": "webhook/shop/postgres", "table": "orders", "columns": {"id": "{id}"}},
        {"kind": "http", "secret_name": "webhook/shop/delivery", "url": "https://does-not-exist.invalid/"},
    ],
)
def test_nothing_is_read_or_connected_to_at_init(configuration: dict[str, Any]) -> None:
    assert load_effect(configuration, read_nothing) is not None


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({}, "kind is None"),
        ({"kind": "smtp"}, "kind is 'smtp'; known are handler, postgres, http"),
        ({"kind": "handler"}, "no handler"),
        ({"kind": "handler", "handler": 7}, "handler is no text"),
        ({"kind": "handler", "handler": "json:loads", "table": "x"}, "table, which is unknown"),
        ({"kind": "http", "secret_name": "x"}, "no url"),
        ({"kind": "postgres", "table": "x", "columns": {}}, "no secret_name"),
    ],
)
def test_a_configuration_that_cant_be_meant_is_refused(configuration: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_effect(configuration, read_nothing)


LOGIN = '{"host": "db", "dbname": "d", "username": "u", "password": "hush"'


@pytest.mark.parametrize(
    ("rest", "port"),
    [("}", 5432), (', "port": 6000}', 6000), (', "port": "6001"}', 6001), (', "engine": "postgres"}', 5432)],
)
def test_a_login_is_read_as_aws_writes_it(rest: str, port: int) -> None:
    login = read_login(LOGIN + rest)

    assert (login.host, login.port, login.dbname, login.username, login.password) == ("db", port, "d", "u", "hush")
    assert login.is_encrypted


@pytest.mark.parametrize(
    "document",
    [
        *("", "hush", "[]", "null", "{}", '"hush"', "[" * 100_000),
        *(LOGIN + rest for rest in ("", ', "port": 0}', ', "port": "hush"}', ', "port": true}', ', "port": 1e9}')),
        *(
            LOGIN + rest
            for rest in (', "sslmode": "require"}', ', "host": ""}', ', "password": 7}', ', "dbname": null}')
        ),
        *(
            LOGIN + rest
            for rest in (', "username": "a\\u0000b"}', ', "ca_certificate": 7}', ', "port": "99999999999"}')
        ),
    ],
)
def test_what_is_no_login_is_refused_and_not_quoted(document: str) -> None:
    with pytest.raises(InvalidLogin) as refusal:
        read_login(document)

    assert "hush" not in str(refusal.value)


def test_a_login_does_not_show_its_password() -> None:
    assert "hush" not in repr(read_login(LOGIN + "}"))


@pytest.mark.parametrize("certificate", ["hush", "-----BEGIN CERTIFICATE-----\\nhush\\n-----END CERTIFICATE-----"])
def test_a_certificate_that_is_none_is_refused(certificate: str) -> None:
    with pytest.raises(InvalidLogin, match="ca_certificate"):
        read_login(f'{LOGIN}, "ca_certificate": "{certificate}"}}').tls()
