"""What services.yaml may not say: every fault at once, with its place and what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from aegisdb.registry.kinds import SEEDS, TARGETS
from tests.registry.registries import SOUND, edited, faults, read, with_service

MANY = """\
version: 2
project: 5
targets:
  local: {server: embeded}
  a: {server: embedded, port: "5", prot: 1}
  b: {url: 3, protectd: true}
  c: {}
database:
  name: demo
  init: x
services:
  shop:
    pth: x
    base: {}
    seeds:
      - modul: x
      - {module: x, timeout: yes}
    after: [stok]
  stock:
default_target: locl
"""

MANY_FAULTS = """\
1:10 version: expected 1
2:10 project: expected a text, found a number -> put it in quotes
4:10 targets.local: {targets} -> did you mean embedded?
5:31 targets.a.port: expected a whole number, found a text
5:36 targets.a.prot: unknown key -> did you mean port? allowed: server, port, bindir, draw_password, per, volatile, protected, gate, deployed, proof
6:12 targets.b.url: expected a text, found a number -> put it in quotes
6:15 targets.b.protectd: unknown key -> did you mean protected? allowed: url, direct_url, bindir, protected, gate, deployed, proof
7:6 targets.c: {targets}
8:1 database.user: this key is missing
10:9 database.init: expected a list, found a text
10:9 database.init: no file x -> create it, or correct the path
12:3 services.shop.path: this key is missing
13:5 services.shop.pth: unknown key -> did you mean path? allowed: path, alembic, runner, owns, after, seeds, schema, base, stamp, objects, one_way
14:11 services.shop.base: base is a SQL file, a list of SQL files, or `module:function`
16:9 services.shop.seeds[0]: {seeds} -> did you mean module?
17:30 services.shop.seeds[1].timeout: expected a number, found a text
18:13 services.shop.after[0]: no service is called 'stok' -> did you mean stock? services: shop, stock
19:3 services.stock: expected a mapping (key: value), found nothing
20:17 default_target: no target is called 'locl' -> did you mean local? targets: local, a, b, c
"""  # noqa: E501 - a fault is one line


def test_all_faults_are_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    expected = MANY_FAULTS.replace("{targets}", TARGETS.message("a target has"))
    expected = expected.replace("{seeds}", SEEDS.message("a seed has one of"))
    assert "\n".join(faults(tmp_path, MANY)).replace(" -> \n", "\n") + "\n" == expected


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("after: [stock]", "16:13 services.stock.after[0]: a service cannot come after itself"),
        ("alembic: {version_table: alembic_version_shop}", "already the version table of shop"),
        ("owns: [orders]", "16:12 services.stock.owns[0]: orders is already owned by shop"),
        ("owns: [order_items]", "order_items is already owned by shop by its pattern order_*"),
        ('owns: ["order_*"]', "order_* is already owned by shop"),
        ('owns: ["or?ers"]', "services.shop.owns[0]: orders is already owned by stock by its pattern or?ers"),
        ("stamp: abc123", "16:12 services.stock.stamp: `stamp` needs `base`"),
        ("base: sql/missing.sql", "16:11 services.stock.base: no file sql/missing.sql"),
        ("base: [a:b]", "services.stock.base[0]: no file a:b"),
        ("alembic: {version_table: v, config: other.ini}", "no file other.ini"),
        ("alembic: {version_table: v, config: null}", "`script_location` must say where the history is"),
        ("alembic: {version_table: v, script_location: nowhere}", "no directory nowhere"),
        ("alembic: {version_table: v, url_env: 'DATABASE URL'}", "not usable as the name of an environment variable"),
        ("alembic: {version_table: v, url_setting: shop.config}", "not usable as a place in a program"),
        ("alembic: {version_table: v, driver: 'psycopg://'}", "not usable as a SQLAlchemy driver"),
        ('alembic: {version_table: "v;DROP"}', "not usable as a table name"),
        ("schema: '\"; DROP'", "not usable as a schema name"),
        ("runner: []", "the runner is empty"),
        ("seeds: [{module: 'os; import sys'}]", "not a dotted module name"),
        ("seeds: [{module: -c}]", "not a dotted module name"),
        ("seeds: [{http: 'http://localhost/seed'}]", "does not begin with an HTTP method"),
        ("seeds: [{http: 'POST localhost:8003/seed'}]", "has no http URL after the method"),
        ("seeds: [{http: 'POST http://local host/'}]", "has no http URL after the method"),
        ("seeds: [{http: 'POST http://localhost:99999/'}]", "has no http URL after the method"),
        ("seeds: [{http: 'POST http://h/', ready: 'ftp://h/'}]", "not an http URL"),
        ("seeds: [{module: a, timeout: 0}]", "a deadline is more than 0 seconds"),
        ("seeds: [{sql: missing.sql}]", "no file missing.sql"),
        ("seeds: [{module: a, http: 'POST http://h/'}]", "services.stock.seeds[0].http: unknown key"),
    ],
)
def test_a_service_that_makes_no_sense(tmp_path: Path, body: str, fault: str) -> None:
    (only,) = faults(tmp_path, with_service(body))
    assert fault in only


def test_the_same_table_in_two_schemas_has_two_owners_rightly(tmp_path: Path) -> None:
    registry = read(
        tmp_path, with_service("schema: stock\nowns: [orders]\nalembic: {version_table: alembic_version_shop}")
    )
    assert registry.services["stock"].owns == ("orders",)


def test_a_cycle_is_printed(tmp_path: Path) -> None:
    text = with_service("after: [shop]") + "  third:\n    path: stock\n    after: [stock]\n"
    text = text.replace('"order_*"]\n', '"order_*"]\n    after: [third]\n')
    (only,) = faults(tmp_path, text)
    assert "services.shop.after: a cycle: shop after third after stock after shop" in only


@pytest.mark.parametrize("name", ["a b", "naïve", 'a"b', "a'b", "a;b", "$(x)", "a\nb", "-rf", "", "x" * 64])
@pytest.mark.parametrize(
    "place", ["targets.{}", "services.{}", "database.name", "database.user", "extensions", "graphs", "version_table"]
)
def test_names_that_a_shell_or_sql_could_misread(tmp_path: Path, name: str, place: str) -> None:
    quoted = '"' + name.replace('"', '\\"').replace("\n", "\\n") + '"'
    text = {
        "targets.{}": edited("  local:", f"  {quoted}:"),
        "services.{}": edited("  shop:", f"  {quoted}:"),
        "database.name": edited("name: demo", f"name: {quoted}"),
        "database.user": edited("user: demo", f"user: {quoted}"),
        "extensions": edited("  name: demo", f"  extensions: [{quoted}]\n  name: demo"),
        "graphs": edited("  name: demo", f"  graphs: [{quoted}]\n  name: demo"),
        "version_table": edited("version_table: alembic_version_shop", f"version_table: {quoted}"),
    }[place]
    (only,) = faults(tmp_path, text)
    assert "not usable as a" in only or "not usable as a name here" in only


@pytest.mark.parametrize("path", ["/etc", "../outside", "shop/../../outside", "link", "missing", ""])
def test_a_service_stays_in_the_tree(tmp_path: Path, path: str) -> None:
    (tmp_path / "outside").mkdir()
    root = tmp_path / "repo"
    root.mkdir()
    (root / "link").symlink_to(tmp_path / "outside")
    (only,) = faults(root, edited("path: shop", f'path: "{path}"'))
    assert only.startswith("11:11 services.shop.path: ")


def test_init_files_stay_in_the_tree_and_exist(tmp_path: Path) -> None:
    root = tmp_path / "repo"
    (root / "sql").mkdir(parents=True)
    (tmp_path / "secret.sql").touch()
    (root / "sql" / "link.sql").symlink_to(tmp_path / "secret.sql")
    text = edited("  user:", "  init: [sql, sql/link.sql, ../secret.sql, sql/none.sql]\n  deploy: none\n  user:")
    messages = [fault.split(" -> ")[0] for fault in faults(root, text)]
    assert messages == [
        "7:10 database.init[0]: no file sql",
        "7:15 database.init[1]: sql/link.sql is a symbolic link out of the tree",
        "7:29 database.init[2]: the path is absolute or leaves the tree with `..`",
        "7:44 database.init[3]: no file sql/none.sql",
        "8:11 database.deploy: no directory none",
    ]


@pytest.mark.parametrize("name", ["with space", "ünïcödé", "it's", 'quo"te', "$(touch x);&", "-dash"])
def test_directories_with_odd_characters_just_work(tmp_path: Path, name: str) -> None:
    root = tmp_path / name
    (root / name).mkdir(parents=True)
    (root / name / "alembic.ini").touch()
    text = edited("path: shop", "path: '" + name.replace("'", "''") + "'")
    assert read(root, text).services["shop"].path == name


def test_a_symbolic_link_inside_the_tree_is_fine(tmp_path: Path) -> None:
    read(tmp_path)
    (tmp_path / "alias").symlink_to("shop")
    assert read(tmp_path, edited("path: shop", "path: alias")).services["shop"].path == "alias"


def test_unrestricted_names_files_of_init(tmp_path: Path) -> None:
    read(tmp_path)
    (tmp_path / "a.sql").touch()
    text = edited("  user:", "  init: [a.sql]\n  unrestricted: [a.sql, b.sql]\n  user:")
    (only,) = faults(tmp_path, text)
    assert only == "8:25 database.unrestricted[1]: b.sql is not in `init` -> did you mean a.sql? name a file of `init`"


def test_ports_are_ports(tmp_path: Path) -> None:
    assert "a port is a number from 1 to 65535" in faults(tmp_path, edited("embedded}", "embedded, port: 70000}"))[0]


def test_env_is_the_target_of_database_url(tmp_path: Path) -> None:
    assert "`env` is the target that DATABASE_URL makes" in faults(tmp_path, edited("  local:", "  env:"))[0]


def test_a_numeric_password_is_not_told(tmp_path: Path) -> None:
    (only,) = faults(tmp_path, edited("${DEMO_PASSWORD:-demo}", "8675309"))
    assert only == "8:13 database.password: expected a text, found a number -> put it in quotes"


def test_the_sound_registry_is_sound(tmp_path: Path) -> None:
    assert read(tmp_path, SOUND).services["shop"].owns == ("orders", "order_*")
