"""Tencent's commands: the examples of each page, and the codes."""

from __future__ import annotations

import time

import pytest
import TLSSigAPIv2  # Tencent's own signer, as a witness

from bulkim.sandbox import App, SandboxConfig
from bulkim.sandbox.user_sig import verify_user_sig

from .helpers import SDK_APP_ID, Offline, user_sig

LOGIN = "im_open_login_svc"
OK = {"ActionStatus": "OK", "ErrorCode": 0, "ErrorInfo": ""}
IMPORT = f"{LOGIN}/multiaccount_import"


@pytest.fixture
def tencent(offline):
    accounts = [{"UserID": "UserID_1", "Nick": "Nick_1"}, {"UserID": "userid_1"}]
    assert offline.tencent(IMPORT, {"AccountList": accounts}) == {**OK, "FailAccounts": []}
    return offline


def code(answer):
    return answer["ErrorCode"]


def account(offline, name):
    return offline.world.apps[str(SDK_APP_ID)].users[name]


# -- accounts


def test_import_many_in_both_forms(offline):
    assert offline.tencent(IMPORT, {"Accounts": ["test1", "test2"]}) == {**OK, "FailAccounts": []}
    rows = [
        {"UserID": "test2", "Nick": "new"},
        {"UserID": "用户"},
        {"UserID": "x" * 33},
        {"UserID": "x" * 32},
    ]
    assert offline.tencent(IMPORT, {"AccountList": rows}) == {**OK, "FailAccounts": ["用户", "x" * 33]}
    assert account(offline, "test2").nickname == "new"


def test_import_one_is_idempotent(offline):
    for _ in range(2):
        assert (
            offline.tencent(f"{LOGIN}/account_import", {"UserID": "test", "Nick": "n", "FaceUrl": "u"}) == OK
        )
    app = offline.world.apps[str(SDK_APP_ID)]
    assert app.effects_on("test") == {"registered": 1, "overwritten": 1}
    assert offline.tencent(f"{LOGIN}/account_import", {"Identifier": "old"}) == OK


def test_ids_keep_their_case(tencent):
    answer = tencent.tencent(f"{LOGIN}/account_check", {"CheckItem": [{"UserID": "USERID_1"}]})
    assert answer["ResultItem"][0]["AccountStatus"] == "NotImported"


def test_delete(tencent):
    items = [{"UserID": "UserID_1"}, {"UserID": "UserID_2"}]
    assert tencent.tencent(f"{LOGIN}/account_delete", {"DeleteItem": items}) == {
        **OK,
        "ResultItem": [
            {"ResultCode": 0, "ResultInfo": "", "UserID": "UserID_1"},
            {
                "ResultCode": 70107,
                "ResultInfo": "Err_TLS_PT_Open_Login_Account_Not_Exist",
                "UserID": "UserID_2",
            },
        ],
    }


def test_check(tencent):
    items = [{"UserID": "UserID_1"}, {"UserID": "UserID_2"}]
    assert tencent.tencent(f"{LOGIN}/account_check", {"CheckItem": items})["ResultItem"] == [
        {"ResultCode": 0, "ResultInfo": "", "UserID": "UserID_1", "AccountStatus": "Imported"},
        {"ResultCode": 0, "ResultInfo": "", "UserID": "UserID_2", "AccountStatus": "NotImported"},
    ]


@pytest.mark.parametrize("name", ["UserID", "Identifier"])
def test_kick(tencent, name):
    account(tencent, "UserID_1").status = "Online"
    assert tencent.tencent(f"{LOGIN}/kick", {name: "UserID_1"}) == OK
    assert account(tencent, "UserID_1").status == "Offline"
    assert code(tencent.tencent(f"{LOGIN}/kick", {name: "nobody"})) == 70107


@pytest.mark.parametrize(
    ("command", "document", "expected"),
    [
        ("account_delete", {"DeleteItem": [{"UserID": "u"}] * 101}, 70206),
        ("account_check", {"CheckItem": [{"UserID": "u"}] * 101}, 70206),
        ("multiaccount_import", {"Accounts": ["u"] * 101}, 70206),
        ("account_delete", {"DeleteItem": []}, 70402),
        ("account_delete", {"DeleteItem": ["u"]}, 70402),
        ("account_delete", {}, 70402),
        ("account_delete", {"DeleteItem": [{"UserID": 17}]}, 60015),
        ("multiaccount_import", {"Accounts": [17]}, 60015),
        ("multiaccount_import", {"AccountList": ["u"]}, 70402),
        ("account_import", {"UserID": ""}, 70402),
        ("account_import", {"UserID": "x" * 33}, 70402),
        ("account_import", {"UserID": 17}, 60015),
        ("account_import", ["u"], 60003),
        ("kick", {}, 70402),
    ],
)
def test_accounts_refused(tencent, command, document, expected):
    answer = tencent.tencent(f"{LOGIN}/{command}", document)
    assert (answer["ActionStatus"], code(answer)) == ("FAIL", expected)
    assert answer["ErrorInfo"]


def test_the_plan_is_full():
    app = App(
        "tencent", sdk_app_id=SDK_APP_ID, admin="administrator", secret_key="sandbox-secret-key", max_users=2
    )
    offline = Offline(SandboxConfig(apps=(app,)))
    assert code(offline.tencent(IMPORT, {"Accounts": ["a", "b", "c"]})) == 70398
    assert code(offline.tencent(IMPORT, {"Accounts": ["a", "b", "a"]})) == 0
    assert code(offline.tencent(f"{LOGIN}/account_import", {"UserID": "c"})) == 70398
    assert code(offline.tencent(f"{LOGIN}/account_import", {"UserID": "a"})) == 0


# -- online status


def test_online_status(tencent):
    account(tencent, "UserID_1").status = "Online"
    account(tencent, "UserID_1").devices = ({"res": "web_1", "platform": "Web"},)
    asked = {"To_Account": ["UserID_1", "userid_1", "nobody"], "IsNeedDetail": 1}
    assert tencent.tencent("openim/query_online_status", asked) == {
        **OK,
        "QueryResult": [
            {
                "To_Account": "UserID_1",
                "Status": "Online",
                "Detail": [{"Platform": "Web", "Status": "Online"}],
            },
            {"To_Account": "userid_1", "Status": "Offline"},
        ],
        "ErrorList": [{"To_Account": "nobody", "ErrorCode": 70107}],
    }


@pytest.mark.parametrize(
    ("accounts", "expected"),
    [([], 90001), (["u"] * 501, 90011), (["u"] * 500, 0), ([17], 90003), ("u", 90001)],
)
def test_online_status_refused(tencent, accounts, expected):
    assert code(tencent.tencent("openim/query_online_status", {"To_Account": accounts})) == expected


# -- mutes


def test_mutes_answer_without_an_action_status(tencent):
    asked = {"Set_Account": "UserID_1", "C2CmsgNospeakingTime": 4294967295, "GroupmsgNospeakingTime": 7200}
    assert tencent.tencent("openconfigsvr/setnospeaking", asked) == {"ErrorCode": 0, "ErrorInfo": ""}
    tencent.clock.pass_s(4)
    assert tencent.tencent("openconfigsvr/getnospeaking", {"Get_Account": "UserID_1"}) == {
        "ErrorCode": 0,
        "ErrorInfo": "",
        "C2CmsgNospeakingTime": 4294967295,
        "GroupmsgNospeakingTime": 7196,
    }
    tencent.tencent("openconfigsvr/setnospeaking", {"Set_Account": "UserID_1", "C2CmsgNospeakingTime": 0})
    answer = tencent.tencent("openconfigsvr/getnospeaking", {"Get_Account": "UserID_1"})
    assert answer["C2CmsgNospeakingTime"] == 0


def test_a_missing_account_looks_muted_for_ever(tencent):
    answer = tencent.tencent("openconfigsvr/getnospeaking", {"Get_Account": "nobody"})
    assert (answer["C2CmsgNospeakingTime"], answer["GroupmsgNospeakingTime"]) == (4294967295, 4294967295)


@pytest.mark.parametrize(
    ("command", "document", "expected"),
    [
        ("setnospeaking", [], 130001),
        ("setnospeaking", {"C2CmsgNospeakingTime": 1}, 130004),
        ("setnospeaking", {"Set_Account": 17, "C2CmsgNospeakingTime": 1}, 130005),
        ("setnospeaking", {"Set_Account": "UserID_1", "C2CmsgNospeakingTime": "1"}, 130006),
        ("setnospeaking", {"Set_Account": "UserID_1", "GroupmsgNospeakingTime": -1}, 130007),
        ("setnospeaking", {"Set_Account": "UserID_1", "GroupmsgNospeakingTime": 4294967296}, 130007),
        ("setnospeaking", {"Set_Account": "UserID_1"}, 130008),
        ("setnospeaking", {"Set_Account": "nobody", "C2CmsgNospeakingTime": 1}, 70107),
        ("getnospeaking", {}, 130002),
        ("getnospeaking", {"Get_Account": 17}, 130003),
    ],
)
def test_mutes_refused(tencent, command, document, expected):
    answer = tencent.tencent(f"openconfigsvr/{command}", document)
    assert code(answer) == expected
    assert "ActionStatus" not in answer


# -- attributes


def test_attributes(tencent):
    push = "all_member_push"
    assert tencent.tencent(f"{push}/im_set_attr_name", {"AttrNames": {"0": "sex", "1": "city"}}) == OK
    names = tencent.tencent(f"{push}/im_get_attr_name", {})
    assert names == {**OK, "AttrNames": {"0": "sex", "1": "city"}}
    rows = [{"To_Account": "xiaojun012", "Attrs": {"sex": "attr1", "city": "attr2"}}]
    assert tencent.tencent(f"{push}/im_set_attr", {"UserAttrs": rows}) == OK
    rows = [{"To_Account": "xiaojun012", "Attrs": ["city"]}]
    assert tencent.tencent(f"{push}/im_remove_attr", {"UserAttrs": rows}) == OK
    assert tencent.tencent(f"{push}/im_get_attr", {"To_Account": ["xiaojun012", "abc"]}) == {
        **OK,
        "UserAttrs": [
            {"To_Account": "xiaojun012", "Attrs": {"sex": "attr1"}},
            {"To_Account": "abc", "Attrs": {}},
        ],
    }


@pytest.mark.parametrize(
    ("command", "document", "expected"),
    [
        ("im_set_attr", {"UserAttrs": [{"To_Account": "u", "Attrs": {"sex": "1"}}] * 101}, 90018),
        ("im_get_attr", {"To_Account": ["u"] * 101}, 90018),
        ("im_remove_attr", {"UserAttrs": [{"To_Account": "u", "Attrs": ["sex"]}] * 101}, 90018),
        ("im_set_attr", {"UserAttrs": []}, 90001),
        ("im_set_attr", [], 90001),
        ("im_set_attr", {"UserAttrs": [{"Attrs": {}}]}, 90003),
        ("im_get_attr", {"To_Account": [17]}, 90003),
        ("im_set_attr", {"UserAttrs": [{"To_Account": "u", "Attrs": {"height": "1"}}]}, 90033),
        ("im_set_attr", {"UserAttrs": [{"To_Account": "u", "Attrs": {"sex": "x" * 51}}]}, 90033),
        ("im_remove_attr", {"UserAttrs": [{"To_Account": "u", "Attrs": ["height"]}]}, 90033),
        ("im_remove_attr", {"UserAttrs": [{"To_Account": "u", "Attrs": {"sex": "1"}}]}, 90033),
        ("im_set_attr_name", {"AttrNames": {"10": "x"}}, 90001),
        ("im_set_attr_name", {"AttrNames": {"0": "x" * 51}}, 90001),
    ],
)
def test_attributes_refused(tencent, command, document, expected):
    tencent.tencent("all_member_push/im_set_attr_name", {"AttrNames": {"0": "sex"}})
    assert code(tencent.tencent(f"all_member_push/{command}", document)) == expected


def test_one_bad_row_spoils_the_call(tencent):
    tencent.tencent("all_member_push/im_set_attr_name", {"AttrNames": {"0": "sex"}})
    rows = [{"To_Account": "u", "Attrs": {"sex": "1"}}, {"To_Account": "v", "Attrs": {"height": "1"}}]
    assert code(tencent.tencent("all_member_push/im_set_attr", {"UserAttrs": rows})) == 90033
    assert tencent.world.apps[str(SDK_APP_ID)].attributes == {}


def test_the_old_address_takes_five_hundred(tencent):
    rows = [{"To_Account": "u", "Attrs": {"sex": "1"}}] * 500
    assert code(tencent.tencent("openim/im_set_attr", {"UserAttrs": rows})) == 0


# -- addresses and signatures


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"sdkappid": None}, 60012),
        ({"sdkappid": "x"}, 60006),
        ({"sdkappid": "9" * 5000}, 60006),
        ({"sdkappid": 1400000001}, 70020),
        ({"identifier": None}, 60004),
        ({"usersig": None}, 60004),
        ({"usersig": ""}, 70002),
        ({"usersig": "eJwtzEEL"}, 70003),
        ({"identifier": "somebody"}, 70013),
        ({"random": None}, 60002),
        ({"random": 4294967296}, 60002),
        ({"contenttype": "xml"}, 60002),
    ],
)
def test_bad_parameters(offline, changes, expected):
    answer = offline.tencent(f"{LOGIN}/account_check", {"CheckItem": [{"UserID": "u"}]}, **changes)
    assert (answer["ActionStatus"], code(answer)) == ("FAIL", expected)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, 0),
        ({"key": "another"}, 70009),
        ({"sdk_app_id": 1400000001}, 70014),
        ({"identifier": "somebody"}, 70013),
        ({"lifetime": 0}, 70001),
    ],
)
def test_signatures(offline, changes, expected):
    signature = user_sig(now=int(offline.clock.wall()), **changes)
    answer = offline.tencent(f"{LOGIN}/account_check", {"CheckItem": [{"UserID": "u"}]}, usersig=signature)
    assert code(answer) == expected


def test_signatures_of_tencents_own_library():
    signer = TLSSigAPIv2.TLSSigAPIv2(SDK_APP_ID, "sandbox-secret-key")
    signature = signer.gen_sig("administrator", 600)
    facts = {"sdk_app_id": SDK_APP_ID, "identifier": "administrator", "secret_key": "sandbox-secret-key"}
    now = time.time()
    assert verify_user_sig(signature, **facts, now=now) == 0
    assert verify_user_sig(signature, **facts, now=now + 601) == 70001
    assert verify_user_sig(signature[:-9], **facts, now=now) == 70003


@pytest.mark.parametrize(
    ("command", "expected"),
    [(f"{LOGIN}/kick", 70403), ("openim/query_online_status", 90009), ("openconfigsvr/getnospeaking", 60010)],
)
def test_somebody_who_is_not_an_administrator(offline, command, expected):
    signature = user_sig(now=int(offline.clock.wall()), identifier="somebody")
    assert code(offline.tencent(command, {}, usersig=signature, identifier="somebody")) == expected


def test_too_many_bad_signatures_lock_the_app_for_a_minute(offline):
    asked = (f"{LOGIN}/account_check", {"CheckItem": [{"UserID": "u"}]})
    for _ in range(10):
        assert code(offline.tencent(*asked, usersig="eJw")) == 70003
    assert code(offline.tencent(*asked)) == 70050
    offline.clock.pass_s(59.9)
    assert code(offline.tencent(*asked)) == 70050
    offline.clock.pass_s(0.1)
    assert code(offline.tencent(*asked)) == 0


def test_any_app_takes_any_signature_that_is_one():
    offline = Offline(SandboxConfig(any_app=True))
    asked = {"CheckItem": [{"UserID": "u"}]}
    signature = user_sig(now=int(offline.clock.wall()), sdk_app_id=77, identifier="root", key="unknown")
    query = {"sdkappid": 77, "identifier": "root", "usersig": signature}
    assert code(offline.tencent(f"{LOGIN}/account_check", asked, **query)) == 0
    assert code(offline.tencent(f"{LOGIN}/account_check", asked, **{**query, "usersig": "x"})) == 70003


def test_an_address_that_is_not_there(offline):
    assert code(offline.tencent("openim/nothing", {})) == 60009
    assert code(offline.tencent("openim", {})) == 60009


def test_only_post(offline):
    answer = offline.call("GET", f"/v4/{LOGIN}/kick?sdkappid={SDK_APP_ID}").json()
    assert code(answer) == 60002


def test_an_empty_body_is_no_json(offline):
    assert code(offline.tencent(f"{LOGIN}/kick", None)) == 60003


def test_over_the_limit(offline):
    answers = [code(offline.tencent("openim/query_online_status", {"To_Account": ["u"]})) for _ in range(201)]
    assert answers == [0] * 200 + [60007]
    assert code(offline.tencent(f"{LOGIN}/account_check", {"CheckItem": [{"UserID": "u"}]})) == 0
