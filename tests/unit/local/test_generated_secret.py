import base64

import pytest

from common.keys import read_keys
from common.reasons import NotGenuine
from common.scheme import preset, presets
from common.signature import verify
from tests.unit.common.vectors import vector_of
from webhookctl.local.generated_secret import generated_delivery_secret, generated_secret


@pytest.mark.parametrize("name", sorted(presets().keys() - {"unsigned"}))
def test_a_generated_secret_is_one_key_in_the_scheme_s_form_and_new_each_time(name: str) -> None:
    scheme = preset(name)
    texts = [generated_secret(scheme), generated_secret(scheme)]
    keys = [read_keys([text], scheme.key_encoding) for text in texts]
    assert [len(key) for key in keys] == [1, 1]
    assert keys[0] != keys[1]


@pytest.mark.parametrize("name", sorted(name for name in presets() if preset(name).needs_cryptography))
def test_a_generated_public_key_is_usable_and_nothing_is_genuine_by_it(name: str) -> None:
    vector, scheme = vector_of(name), preset(name)
    keys = read_keys([generated_secret(scheme)], scheme.key_encoding)
    with pytest.raises(NotGenuine, match="signature_mismatch"):
        verify(scheme, keys, vector.request, vector.body)


def test_what_deliveries_are_signed_with_is_a_standard_webhooks_secret_of_24_bytes_and_new_each_time() -> None:
    first, second = generated_delivery_secret(), generated_delivery_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(base64.b64decode(first.removeprefix("whsec_"), validate=True)) == 24
    assert len(read_keys([first], "base64-after-whsec_")) == 1
