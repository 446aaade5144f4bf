"""How apps are named and credentials written: the forms, there and back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.jobs import at

from bulkim.auth.credentials import credential, shown
from bulkim.catalogue.addressing import App
from bulkim.catalogue.proofs import ApiKey, Bearer, NoAuth, usual, written
from bulkim.errors import RefusedError
from bulkim.model import Auth, Credentials
from bulkim.vendors import PROVIDERS

FORMS = [
    pytest.param(form, id=f"{one.name}-{'-'.join(form.keys)}")
    for one in PROVIDERS.values()
    for form in one.apps
]
VALUES = st.text("abcXYZ019_-.", min_size=1, max_size=12).filter(lambda text: text[0].isalnum())


@pytest.mark.parametrize("form", FORMS)
@given(data=st.data())
def test_a_target_leads_back_to_its_app(form, data):
    values = {
        key: str(data.draw(st.integers(1, 10**9))) if key in form.numbers else data.draw(VALUES)
        for key in form.keys
    }
    connection = form.connect("any", "https://h", values, Auth("none"))
    assert form.read(connection.target) == values
    assert connection.app == values


def test_each_form_has_its_own_targets():
    by_name, by_id = PROVIDERS["agora"].apps
    assert by_name.read("org#app") == {"org": "org", "app": "app"}
    assert (by_name.read("970c"), by_id.read("org#app"), by_id.read("970c")) == (
        None,
        None,
        {"app_id": "970c"},
    )


def test_a_value_cannot_leave_its_segment():
    form = App(
        keys=("workspace",), root="/v1/workspaces/{workspace}", name="{workspace}", target="{workspace}"
    )
    assert (
        form.connect("acme", "https://h", {"workspace": "a/../b"}, Auth("none")).root
        == "/v1/workspaces/a%2F..%2Fb"
    )


@pytest.mark.parametrize(
    ("vendor", "expected"),
    [
        ("easemob", {"client_id": "${EASEMOB_CLIENT_ID}", "client_secret": "${EASEMOB_CLIENT_SECRET}"}),
        ("agora", {"app_id": "${AGORA_APP_ID}", "app_certificate": "${AGORA_APP_CERTIFICATE}"}),
        ("tencent", {"identifier": "${TENCENT_IDENTIFIER}", "secret_key": "${TENCENT_SECRET_KEY}"}),
    ],
)
def test_the_usual_variables_are_those_of_credentials_that_renew_themselves(vendor, expected):
    assert usual(vendor, PROVIDERS[vendor].auth) == expected


def test_a_form_is_written_as_a_job_file_writes_it():
    assert [written(form) for form in (Bearer(), NoAuth(), ApiKey(header="x"))] == [
        "{token}",
        "none",
        "{api_key}",
    ]


def test_what_is_shown_of_credentials_holds_no_secret():
    tencent = at("tencent", "https://h", Auth("secret_key", "admin", "s3cret"), sdk_app_id=14)
    assert dict(shown(tencent, PROVIDERS["tencent"]).query) == {
        "sdkappid": "14", "identifier": "admin", "usersig": "***", "random": "***", "contenttype": "json",
    }  # fmt: skip
    agora = at("agora", "https://h", Auth("app_certificate", "a" * 32, "b" * 32), org="o", app="a")
    assert shown(agora, PROVIDERS["agora"]).headers == (("authorization", "Bearer ***"),)


def test_an_api_key_goes_where_its_form_says():
    acme = replace(
        PROVIDERS["easemob"], auth=(ApiKey(header="X-Api-Key"), ApiKey(query="key", secret="query_key"))
    )
    for kind, sent in (
        ("api_key", Credentials(headers=(("x-api-key", "k"),))),
        ("query_key", Credentials(query=(("key", "k"),))),
    ):
        found = credential(at("easemob", "https://h", Auth(kind, secret="k"), org="o", app="a"), acme)
        assert found.current(0.0) == sent
        with pytest.raises(RefusedError, match="refused the"):
            found.refused(sent, 0.0)
