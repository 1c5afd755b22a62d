"""office.toml: every mistake at once with its line, secrets in files of their own, defaults that are safe."""

import pytest

from tosqauyl.config.office import DATABASE_VARIABLE, OFFICE_KEYS, load_office, office_in
from tosqauyl.errors import FileMistakes
from tosqauyl.registry.retention import RetentionRules
from tosqauyl.registry.sessions import SessionRules


@pytest.fixture(autouse=True)
def _no_database_of_this_machine(monkeypatch):
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)


def mistakes(text, file="x/office.toml"):
    with pytest.raises(FileMistakes) as told:
        load_office(text, str(file))
    return {(one.line, one.what.partition(":")[0]) for one in told.value.mistakes}


def test_an_empty_file_is_an_office_on_this_machine(tmp_path):
    config = load_office("", str(tmp_path / "office.toml"))
    assert config.data == tmp_path / "office"
    assert config.database == f"sqlite:///{tmp_path}/office/office.db"
    assert config.keys == tmp_path / "office" / "vault.keys"
    assert (config.serve.host, config.serve.port) == ("127.0.0.1", 8480)
    assert config.sessions == SessionRules()
    assert config.retention == RetentionRules()
    assert not config.secure
    assert config.provider is None


def test_a_whole_file(tmp_path):
    (tmp_path / "db.secret").write_text("p@ss/word\n")
    (tmp_path / "idp.secret").write_text("s")
    for name in ("db.secret", "idp.secret"):
        (tmp_path / name).chmod(0o600)
    config = load_office(
        """
        data = "d"
        database = "postgresql+pg8000://tosqauyl@db.kz:5433/office"
        password_file = "db.secret"
        keys = "/secret/vault.keys"
        listen = "0.0.0.0:443"
        public_url = "https://office.kz/"
        certificate = "c.pem"
        key = "k.pem"
        proxies = ["10.0.0.1"]
        [session]
        idle_minutes = 5
        second_factor = ["supervisor", "admin", "analyst"]
        [password]
        length = 14
        [limits]
        body_kb = 10
        [retention]
        reports_days = 10
        [lists]
        folder = "out"
        [webhooks]
        allow = ["10.20.0.0/16"]
        [oidc]
        issuer = "https://idp.kz/realms/a"
        client_id = "office"
        client_secret_file = "idp.secret"
        second_factor = ["otp"]
        [[oidc_role]]
        value = "analysts"
        role = "analyst"
        [[oidc_role]]
        value = "kcell"
        role = "operator"
        organisation = "kcell"
        """,
        str(tmp_path / "office.toml"),
    )
    assert config.database == "postgresql+pg8000://tosqauyl:p%40ss%2Fword@db.kz:5433/office"
    assert str(config.keys) == "/secret/vault.keys"
    assert config.secure
    assert (config.serve.host, config.serve.port, config.serve.proxies) == ("0.0.0.0", 443, ("10.0.0.1",))
    assert config.serve.certificate == str(tmp_path / "c.pem")
    assert (config.sessions.idle_minutes, config.sessions.second_factor) == (5, ("supervisor", "admin", "analyst"))
    assert (config.passwords.length, config.limits.body_bytes, config.retention.reports) == (14, 10 << 10, 10)
    assert config.lists == str(tmp_path / "out")
    assert [str(one) for one in config.receivers.networks] == ["10.20.0.0/16"]
    assert config.provider.redirect == "https://office.kz/v1/sign-in/sso/callback"
    assert (config.provider.client_secret, config.provider.second_factor) == ("s", ("otp",))
    assert [(one.value, one.role, one.organisation) for one in config.provider.roles] == [
        ("analysts", "analyst", "centre"), ("kcell", "operator", "kcell"),
    ]  # fmt: skip


def test_every_mistake_is_told_at_once_with_its_line():
    found = mistakes("""lissten = "a"
public_url = "ftp://x"
certificate = "a"
[oidc]
issuer = "http://evil/"
[[oidc_role]]
value = "a"
role = "operator"
[password]
length = 8
[webhooks]
allow = ["everything"]
[session]
second_factor = ["king"]
""")
    assert found == {
        (1, "lissten"), (2, "public_url"), (1, "key"), (4, "oidc.client_id"), (4, "oidc.client_secret_file"), (5, "oidc.issuer"),
        (8, "oidc_role[0].role"), (10, "password.length"), (12, "webhooks.allow"), (14, "session.second_factor"),
    }  # fmt: skip


@pytest.mark.parametrize("url", ["mysql://root:secret@x/y", "postgresql://x:secret@y/z", "secret"])
def test_a_database_that_is_not_known_is_refused_without_repeating_it(url):
    with pytest.raises(FileMistakes) as told:
        load_office(f'database = "{url}"', "office.toml")
    assert "secret" not in str(told.value)


def test_a_secret_that_others_may_read_or_that_is_not_there_is_refused(tmp_path):
    file = tmp_path / "secret"
    text = 'database = "postgresql+pg8000://x@y/z"\npassword_file = "secret"'
    assert mistakes(text, tmp_path / "office.toml") == {(2, "password_file")}
    file.write_text("s")
    file.chmod(0o644)
    assert mistakes(text, tmp_path / "office.toml") == {(2, "password_file")}
    file.chmod(0o600)
    assert load_office(text, str(tmp_path / "office.toml")).database == "postgresql+pg8000://x:s@y/z"


def test_single_sign_on_needs_an_address_of_ours_and_somebody_to_let_in():
    found = {
        place
        for _, place in mistakes('[oidc]\nissuer = "https://idp.kz"\nclient_id = "x"\nclient_secret_file = "missing"')
    }
    assert found == {"public_url", "oidc.issuer", "oidc.client_secret_file"}
    assert {place for _, place in mistakes('[[oidc_role]]\nvalue = "x"\nrole = "analyst"')} == {"oidc.issuer"}


def test_the_environment_names_the_database_before_the_file(tmp_path, monkeypatch):
    monkeypatch.setenv(DATABASE_VARIABLE, "postgresql+pg8000://a@b/c")
    assert load_office('database = "sqlite:///x"', "office.toml").database == "postgresql+pg8000://a@b/c"
    assert office_in(tmp_path).database == "postgresql+pg8000://a@b/c"
    assert office_in(tmp_path, "sqlite:///y").database == "sqlite:///y"


def test_every_key_says_what_it_means():
    assert [one.path for one in OFFICE_KEYS if not one.doc] == []
    assert len({one.path for one in OFFICE_KEYS}) == len(OFFICE_KEYS)


def test_behind_a_proxy_it_must_be_said_how_browsers_reach_the_office():
    assert "public_url" in str(mistakes('proxies = ["10.0.0.1"]\n'))
    assert load_office('proxies = ["10.0.0.1"]\npublic_url = "https://office.kz"\n', "x/office.toml").secure
