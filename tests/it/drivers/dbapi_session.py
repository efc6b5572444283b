"""mysqlclient or mysql-connector-python at work; the output must not depend on who answers. Arguments: port, family, driver."""

import datetime
import decimal
import sys

port, family, driver = int(sys.argv[1]), sys.argv[2], sys.argv[3]
settings = dict(host="127.0.0.1", port=port, user="app", password="apppw", database="plain")
if driver == "mysqlclient":
    import MySQLdb as module

    settings.update(charset="utf8mb4", local_infile=1)
else:
    import mysql.connector as module

    settings.update(use_pure=driver == "connector-pure", allow_local_infile=True, charset="utf8mb4", collation="utf8mb4_general_ci")
table = "dbapi_" + driver.replace("-", "_")


def attempt(cursor, statement, arguments=None):
    try:
        cursor.execute(statement, arguments)
        rows = cursor.fetchall() if cursor.description else None
        described = [tuple(column)[:2] for column in cursor.description or []]
        print(statement[:70], "->", cursor.rowcount, cursor.lastrowid, described, rows)
    except module.Error as error:
        print(statement[:70], "->", type(error).__name__, error.args[:2], getattr(error, "sqlstate", None))


connection = module.connect(**settings)
cursor = connection.cursor()
cursor.execute(f"DROP TABLE IF EXISTS {table}")
cursor.execute(
    f"CREATE TABLE {table} (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, price DECIMAL(10,2), at DATETIME(6), took TIME,"
    " body LONGBLOB, flag BIT(9), day DATE, doc JSON, ratio DOUBLE, big BIGINT UNSIGNED, pick SET('a','b','c')) CHARACTER SET utf8mb4"
)
row = ("größe 🐬", decimal.Decimal("12.34"), datetime.datetime(2024, 2, 29, 1, 2, 3, 4), datetime.timedelta(hours=5), b"\x00\xff'\\", 257,
       datetime.date(2024, 1, 1), '{"k": [1, null]}', 0.1, 2**64 - 1, "a,c")
insert = f"INSERT INTO {table} (name, price, at, took, body, flag, day, doc, ratio, big, pick) VALUES ({', '.join(['%s'] * 11)})"
attempt(cursor, insert, row)
attempt(cursor, insert, row)
attempt(cursor, insert, ("none",) + (None,) * 10)
connection.commit()
attempt(cursor, f"SELECT * FROM {table} ORDER BY id")
cursor.executemany(f"INSERT INTO {table} (name, price) VALUES (%s, %s)", [(f"n{n}", n) for n in range(300)])
connection.rollback()
attempt(cursor, f"SELECT COUNT(*) FROM {table}")
cursor.executemany(f"INSERT INTO {table} (name, price) VALUES (%s, %s)", [(f"n{n}", n) for n in range(300)])
connection.commit()
attempt(cursor, f"UPDATE {table} SET price = price + 1 WHERE name LIKE %s", ("n1%",))
attempt(cursor, "SELECT * FROM nowhere")
attempt(cursor, "SELEC")
attempt(cursor, "SET @own = 41")
attempt(cursor, "SELECT @own + 1, @@autocommit, DATABASE()")
attempt(cursor, "SET SESSION time_zone = '+05:00', sql_mode = 'ANSI_QUOTES'")
attempt(cursor, 'SELECT @@time_zone, "id" FROM ' + table + " ORDER BY id LIMIT 1")

other = module.connect(**settings)
watcher = other.cursor()
attempt(watcher, "SELECT @own, @@time_zone = @@global.time_zone, @@sql_mode = @@global.sql_mode")
attempt(cursor, f"DELETE FROM {table} WHERE name = 'n7'")
attempt(watcher, f"SELECT COUNT(*) FROM {table} WHERE name = 'n7'")
other.commit()
connection.commit()
attempt(watcher, f"SELECT COUNT(*) FROM {table} WHERE name = 'n7'")
other.commit()

cursor.execute("DROP PROCEDURE IF EXISTS dbapi_sets")
cursor.execute("CREATE PROCEDURE dbapi_sets(IN a INT) BEGIN DECLARE c CURSOR FOR SELECT 1; OPEN c; CLOSE c; SELECT a; SELECT a + 1, 'x'; END")
if driver == "mysqlclient":
    cursor.callproc("dbapi_sets", (20,))
    print(cursor.fetchall(), cursor.nextset(), cursor.fetchall(), cursor.nextset())
    own = connection.thread_id()
else:
    cursor.callproc("dbapi_sets", (20,))
    print([result.fetchall() for result in cursor.stored_results()])
    own = connection.connection_id
    prepared = connection.cursor(prepared=True)
    for name in ["n1", "größe 🐬", "none"]:
        prepared.execute(f"SELECT * FROM {table} WHERE name = %s", (name,))
        print(prepared.fetchall())
    prepared.execute(f"INSERT INTO {table} (name, body) VALUES (%s, %s)", ("prepared", b"\x00" * 100000))
    print(prepared.rowcount, prepared.lastrowid)
    prepared.close()
    connection.commit()

cursor.execute("SHOW PROCESSLIST")
print("among the processes", [process[0] == own for process in cursor.fetchall() if process[7] == "SHOW PROCESSLIST"])
cursor.execute("SELECT CONNECTION_ID()")
print("its own id", cursor.fetchone()[0] == own)

with open("rows.csv", "w") as file:
    file.write("".join(f"file{n},{n}\n" for n in range(2000)))
attempt(cursor, f"LOAD DATA LOCAL INFILE 'rows.csv' INTO TABLE {table} FIELDS TERMINATED BY ',' (name, price)")
connection.commit()
attempt(cursor, f"SELECT COUNT(*), SUM(price) FROM {table}")
large = b"b" * (17 << 20)
cursor.execute(f"INSERT INTO {table} (name, body) VALUES ('large', %s)", (large,))
cursor.execute(f"SELECT body FROM {table} WHERE name = 'large'")
print("large", cursor.fetchone()[0] == large)
connection.rollback()

cursor.execute("SET SESSION wait_timeout = 1")
select = "SELECT 1"
import time

time.sleep(2.5)
try:
    cursor.execute(select)
    print("still there")
except module.Error as error:
    print("gone after its wait_timeout", error.args[0] in (2006, 2013, 2055, 4031, -1))
watcher.execute(f"DROP TABLE {table}")
other.close()
