"""Uses what PyMySQL offers and prints what it sees; the output must not depend on who answers. Arguments: port, family."""

import datetime
import decimal
import sys
import warnings

import pymysql
from pymysql.constants import CLIENT

port, family = int(sys.argv[1]), sys.argv[2]


def connect(**options):
    settings = dict(host="127.0.0.1", port=port, user="app", password="apppw", database="plain", local_infile=True)
    return pymysql.connect(**(settings | options))


def attempt(cursor, statement, arguments=None):
    try:
        count = cursor.execute(statement, arguments)
        print(statement[:60], "->", count, cursor.lastrowid, cursor.rowcount, cursor.description, cursor.fetchall()[:5])
    except pymysql.MySQLError as error:
        print(statement[:60], "->", type(error).__name__, error.args)


connection = connect()
cursor = connection.cursor()
cursor.execute("DROP TABLE IF EXISTS py")
cursor.execute(
    "CREATE TABLE py (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, price DECIMAL(10,2), at DATETIME(6),"
    " took TIME, body LONGBLOB, flag BIT(1), day DATE)"
)
row = ("größe", decimal.Decimal("12.34"), datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.timedelta(hours=5), b"\x00\xff'\\", True, datetime.date(2024, 1, 1))
insert = "INSERT INTO py (name, price, at, took, body, flag, day) VALUES (%s, %s, %s, %s, %s, %s, %s)"
attempt(cursor, insert, row)
attempt(cursor, insert, row)
connection.commit()
print("many", cursor.executemany("INSERT INTO py (name, price) VALUES (%s, %s)", [(f"n{n}", n) for n in range(500)]), cursor.lastrowid)
connection.rollback()
attempt(cursor, "SELECT COUNT(*) FROM py")
cursor.executemany("INSERT INTO py (name, price) VALUES (%s, %s)", [(f"n{n}", n) for n in range(500)])
connection.commit()
attempt(cursor, "SELECT * FROM py ORDER BY id")
attempt(cursor, "SELECT * FROM py WHERE name IN %s ORDER BY id", (["n1", "n2"],))
attempt(cursor, "UPDATE py SET price = price + 1 WHERE name LIKE %s", ("n1%",))
attempt(cursor, "UPDATE py SET price = price")
attempt(cursor, "SELECT * FROM nowhere")
attempt(cursor, "SELEC")
attempt(cursor, "SELECT %s, %s, %s", (None, 1.5, "it's"))
connection.commit()

with connect(cursorclass=pymysql.cursors.SSCursor) as streaming, streaming.cursor() as rows:
    rows.execute("SELECT a.id, REPEAT('x', 1000) FROM py a JOIN py b ORDER BY a.id, b.id LIMIT 20000")
    print("streamed", sum(len(text) for _, text in rows))
    rows.execute("SELECT id FROM py ORDER BY id")
    print("first", rows.fetchone(), rows.fetchmany(3))
with connect(cursorclass=pymysql.cursors.SSDictCursor) as streaming, streaming.cursor() as rows:
    rows.execute("SELECT id, name FROM py ORDER BY id LIMIT 2")
    print(rows.fetchall())

attempt(cursor, "SELECT CAST('12abc' AS SIGNED)")
print("warnings", connection.show_warnings(), cursor.warning_count)
attempt(cursor, "DROP TABLE IF EXISTS never_there")
print("warnings", connection.show_warnings())

print("autocommit", connection.get_autocommit())
other = connect(autocommit=True)
watcher = other.cursor()
cursor.execute("DELETE FROM py WHERE name = 'n7'")
attempt(watcher, "SELECT COUNT(*) FROM py WHERE name = 'n7'")
connection.commit()
attempt(watcher, "SELECT COUNT(*) FROM py WHERE name = 'n7'")
connection.autocommit(True)
attempt(cursor, "DELETE FROM py WHERE name = 'n8'")
attempt(watcher, "SELECT COUNT(*) FROM py WHERE name = 'n8'")
attempt(cursor, "SELECT @@autocommit")
connection.begin()
attempt(cursor, "DELETE FROM py WHERE name = 'n9'")
connection.rollback()
attempt(watcher, "SELECT COUNT(*) FROM py WHERE name = 'n9'")

connection.select_db("information_schema")
attempt(cursor, "SELECT DATABASE()")
connection.select_db("plain")
try:
    connection.select_db("nowhere")
except pymysql.MySQLError as error:
    print(error.args)
connection.set_character_set("latin1")
attempt(cursor, "SELECT 'ü', @@character_set_client")
connection.set_character_set("utf8mb4", "utf8mb4_bin")
attempt(cursor, "SELECT 'ü', @@collation_connection")
print("escaped", connection.escape("it's \\"))
cursor.execute("SET sql_mode = 'NO_BACKSLASH_ESCAPES'")
print("escaped", connection.escape("it's \\"))
attempt(cursor, "SELECT %s", ("it's \\",))
connection.ping()
connection.close()
connection.ping(reconnect=True)
cursor = connection.cursor()
attempt(cursor, "SELECT @@sql_mode = @@global.sql_mode, DATABASE()")

cursor.execute("DROP PROCEDURE IF EXISTS py_sets")
cursor.execute("CREATE PROCEDURE py_sets(IN a INT, OUT b INT) BEGIN SELECT a; SELECT a + 1, 'x'; SET b = a * 2; END")
cursor.callproc("py_sets", (20, 0))
print(cursor.fetchall(), cursor.nextset(), cursor.fetchall(), cursor.nextset())
attempt(cursor, "SELECT @_py_sets_0, @_py_sets_1")
with connect(client_flag=CLIENT.MULTI_STATEMENTS) as several, several.cursor() as sets:
    sets.execute("SELECT 1; UPDATE py SET price = 0 WHERE name = 'n10'; SELECT 2, 3")
    print(sets.fetchall(), sets.nextset(), sets.rowcount, sets.nextset(), sets.fetchall(), sets.nextset())
with connect(client_flag=CLIENT.FOUND_ROWS) as found, found.cursor() as rows:
    attempt(rows, "UPDATE py SET price = 0 WHERE name = 'n10'")

with open("rows.csv", "w") as file:
    file.write("".join(f"file{n},{n}\n" for n in range(2000)))
attempt(cursor, "LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE py FIELDS TERMINATED BY ',' (name, price)")
connection.commit()
attempt(cursor, "SELECT COUNT(*), SUM(price) FROM py")
attempt(cursor, "LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE nowhere")
attempt(cursor, "SELECT 1")

big = b"b" * (20 * 1024 * 1024)
with connect(max_allowed_packet=64 << 20) as large, large.cursor() as rows:
    rows.execute("INSERT INTO py (name, body) VALUES ('big', _binary %s)", (big,))
    rows.execute("SELECT body FROM py WHERE name = 'big'")
    print("big", rows.fetchone()[0] == big)
    large.commit()
attempt(cursor, "SELECT LENGTH(body) FROM py WHERE name = 'big'")
cursor.execute("DROP TABLE py")
