"""What signer and verifier promise, for plans and for permits."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.adapters.signing import KeySigner, KeyVerifier, generate_keys
from aiops.domain.fact import canonical
from aiops.domain.plan import SignedPlan
from aiops.domain.session import SignedGrant
from aiops.domain.talk import Said, SignedSaid
from aiops.errors import RefusedError, SettingsError
from tests.plans import approved


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    (folder / "public").mkdir()
    generate_keys(folder / "signing.key", folder / "public" / "signing.pem")
    return folder


@pytest.fixture(scope="module")
def signer(keys: Path) -> KeySigner:
    return KeySigner(keys / "signing.key")


@pytest.fixture(scope="module")
def verifier(keys: Path) -> KeyVerifier:
    return KeyVerifier(keys / "public")


def reason(verifier: KeyVerifier, signed: SignedPlan) -> str:
    with pytest.raises(RefusedError) as refused:
        verifier.verify(signed)
    return refused.value.reason


def test_what_was_signed_comes_back_unchanged(signer: KeySigner, verifier: KeyVerifier) -> None:
    plan = approved(params={"unit": "é-☃.service", "count": 3, "list": ["a", "b"]})
    signed = signer.sign(plan)
    assert verifier.verify(signed) == plan
    assert signed.incident == plan.plan.incident
    assert verifier.verify(SignedPlan.model_validate_json(signed.model_dump_json())).plan.digest == plan.plan.digest


@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_one_flipped_bit_anywhere_is_refused(data: st.DataObject, signer: KeySigner, verifier: KeyVerifier) -> None:
    signed = signer.sign(approved(nonce="n" * 32))
    field = data.draw(st.sampled_from(["payload", "signature", "key"]))
    text = getattr(signed, field)
    place = data.draw(st.integers(0, len(text) - 1))
    flipped = chr(ord(text[place]) ^ (1 << data.draw(st.integers(0, 6))))
    forged = signed.model_copy(update={field: text[:place] + flipped + text[place + 1 :]})
    assert reason(verifier, forged) == "signature"


def test_every_field_that_is_edited_is_refused(signer: KeySigner, verifier: KeyVerifier) -> None:
    signed = signer.sign(approved())
    whole = json.loads(signed.payload)
    for part in ("plan", "approval"):
        for field in whole[part]:
            edited = json.loads(signed.payload)
            edited[part][field] = ["web2"] if field == "hosts" else "other"
            assert reason(verifier, signed.model_copy(update={"payload": canonical(edited)})) == "signature"
    assert len(whole["plan"]) > 10


@pytest.mark.parametrize("signature", ["", "00", "zz" * 64, "0" * 128, "00 " * 64])
def test_something_that_is_no_signature_is_refused(signature: str, signer: KeySigner, verifier: KeyVerifier) -> None:
    signed = signer.sign(approved())
    assert reason(verifier, signed.model_copy(update={"signature": signature})) == "signature"


def test_the_same_signature_in_capitals_is_refused(signer: KeySigner, verifier: KeyVerifier) -> None:
    signed = signer.sign(approved())
    assert reason(verifier, signed.model_copy(update={"signature": signed.signature.upper()})) == "signature"


def test_a_text_that_cannot_be_encoded_is_refused(signer: KeySigner, verifier: KeyVerifier) -> None:
    signed = signer.sign(approved())
    assert reason(verifier, signed.model_copy(update={"payload": "\ud800"})) == "signature"


def test_a_key_that_is_not_trusted_is_refused(verifier: KeyVerifier, tmp_path: Path) -> None:
    generate_keys(tmp_path / "other.key", tmp_path / "other.pem")
    assert reason(verifier, KeySigner(tmp_path / "other.key").sign(approved())) == "signature"


def test_an_untrusted_key_under_a_trusted_name_is_refused(
    signer: KeySigner, verifier: KeyVerifier, tmp_path: Path
) -> None:
    generate_keys(tmp_path / "other.key", tmp_path / "other.pem")
    forged = KeySigner(tmp_path / "other.key").sign(approved()).model_copy(update={"key": signer.key})
    assert reason(verifier, forged) == "signature"


def test_two_keys_are_trusted_while_one_replaces_the_other(keys: Path, signer: KeySigner, tmp_path: Path) -> None:
    generate_keys(tmp_path / "new.key", tmp_path / "new.pem")
    both = KeyVerifier(keys / "public", tmp_path / "new.pem")
    assert both.verify(signer.sign(approved())).plan == approved().plan
    assert both.verify(KeySigner(tmp_path / "new.key").sign(approved())).plan == approved().plan


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"plan":{}}', "not json"])
def test_a_signed_text_that_is_no_plan_is_refused(text: str, signer: KeySigner, verifier: KeyVerifier) -> None:
    signature = signer.sign_text("aiops approved plan", text)
    assert reason(verifier, SignedPlan(payload=text, signature=signature, key=signer.key)) == "payload"


def test_a_signed_plan_with_a_field_we_would_drop_is_refused(signer: KeySigner, verifier: KeyVerifier) -> None:
    value = json.loads(signer.sign(approved()).payload)
    value["plan"]["dry_run"] = True
    text = canonical(value)
    signature = signer.sign_text("aiops approved plan", text)
    assert reason(verifier, SignedPlan(payload=text, signature=signature, key=signer.key)) == "payload"


def test_a_signature_for_another_purpose_is_refused(signer: KeySigner, verifier: KeyVerifier) -> None:
    text = signer.sign(approved()).payload
    signature = signer.sign_text("aiops permit", text)
    assert reason(verifier, SignedPlan(payload=text, signature=signature, key=signer.key)) == "signature"


def test_what_a_human_said_comes_back_unchanged_and_is_no_grant(signer: KeySigner, verifier: KeyVerifier) -> None:
    said = Said(update=7, user=11, chat=-100, text="/freeze é ☃", at=approved().approval.at)
    signed = signer.sign_said(said)
    assert verifier.verify_said(SignedSaid.model_validate_json(signed.model_dump_json())) == said
    with pytest.raises(RefusedError, match="not signed"):
        verifier.verify_grant(SignedGrant(payload=signed.payload, signature=signed.signature, key=signed.key))


def test_the_private_half_is_for_its_owner_only_and_is_never_overwritten(tmp_path: Path) -> None:
    generate_keys(tmp_path / "a.key", tmp_path / "a.pem")
    assert (tmp_path / "a.key").stat().st_mode & 0o777 == 0o600
    before = (tmp_path / "a.key").read_bytes()
    for private, public in (("a.key", "b.pem"), ("b.key", "a.pem")):
        with pytest.raises(RefusedError, match="never overwritten"):
            generate_keys(tmp_path / private, tmp_path / public)
    assert (tmp_path / "a.key").read_bytes() == before
    assert not (tmp_path / "b.key").exists()


def test_a_private_key_that_everybody_may_read_is_refused(tmp_path: Path) -> None:
    generate_keys(tmp_path / "a.key", tmp_path / "a.pem")
    (tmp_path / "a.key").chmod(0o644)
    with pytest.raises(SettingsError, match="chmod 600"):
        KeySigner(tmp_path / "a.key")


def test_files_that_hold_no_key_of_ours_are_refused(tmp_path: Path) -> None:
    key = generate_private_key(SECP256R1())
    private, public = tmp_path / "ec.key", tmp_path / "ec.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    private.chmod(0o600)
    (tmp_path / "text.pem").write_text("no key")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="Ed25519"):
        KeySigner(private)
    with pytest.raises(SettingsError, match="cannot be read"):
        KeySigner(tmp_path / "missing")
    with pytest.raises(SettingsError, match="Ed25519"):
        KeyVerifier(public)
    with pytest.raises(SettingsError, match="cannot be read"):
        KeyVerifier(tmp_path / "text.pem")
    with pytest.raises(SettingsError, match="no public key"):
        KeyVerifier(tmp_path / "empty")


def test_an_approval_says_when_it_ends(signer: KeySigner, verifier: KeyVerifier) -> None:
    plan = approved()
    assert verifier.verify(signer.sign(plan)).not_after - plan.approval.at == timedelta(minutes=10)
