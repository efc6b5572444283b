// mysql2 of Node at work; the output must not depend on who answers. Arguments: port, family.
const { writeFileSync, createReadStream } = require('fs');
const mysql = require('mysql2/promise');

const port = Number(process.argv[2]);
const settings = {
  host: '127.0.0.1', port, user: 'app', password: 'apppw', database: 'plain', multipleStatements: true, dateStrings: true,
  supportBigNumbers: true, bigNumberStrings: true, infileStreamFactory: (path) => createReadStream(path),
};

const shown = (value) =>
  JSON.stringify(value, (key, part) => (part && part.type === 'Buffer' ? Buffer.from(part.data).toString('hex').slice(0, 40) : part));

async function attempt(db, how, statement, values) {
  try {
    const [rows, fields] = await db[how](statement, values);
    const columns = (fields || []).flat().filter(Boolean).map((field) => [field.name, field.columnType, field.characterSet, field.flags]);
    console.log(how, statement.slice(0, 70), '->', shown(rows), shown(columns));
  } catch (error) {
    console.log(how, statement.slice(0, 70), '->', error.errno, error.sqlState, error.sqlMessage);
  }
}

async function main() {
  const db = await mysql.createConnection(settings);
  const other = await mysql.createConnection(settings);
  await db.query('DROP TABLE IF EXISTS node_rows');
  await attempt(db, 'query', 'CREATE TABLE node_rows (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, price DECIMAL(10,2), at DATETIME(3), body LONGBLOB, ratio DOUBLE, big BIGINT UNSIGNED, doc JSON)');
  for (const how of ['query', 'execute']) {
    const row = [`größe ${how}`, '12.34', '2024-02-29 01:02:03.004', Buffer.from([0, 255, 39]), 0.5, '18446744073709551615', '{"k": [1, null]}'];
    await attempt(db, how, 'INSERT INTO node_rows (name, price, at, body, ratio, big, doc) VALUES (?, ?, ?, ?, ?, ?, ?)', row);
    await attempt(db, how, 'INSERT INTO node_rows (name, price) VALUES (?, ?)', [`none ${how}`, null]);
    await attempt(db, how, 'INSERT INTO node_rows (name) VALUES (?)', [`none ${how}`]);
    await attempt(db, how, 'SELECT * FROM node_rows ORDER BY id');
    await attempt(db, how, 'SELECT name, price FROM node_rows WHERE id > ? AND name LIKE ? ORDER BY id', [0, `%${how}`]);
    await attempt(db, how, 'UPDATE node_rows SET price = price + ? WHERE id > ?', [1, 0]);
    await attempt(db, how, "SELECT CAST('12abc' AS SIGNED)");
    await attempt(db, how, 'SHOW WARNINGS');
    await attempt(db, how, 'SELECT * FROM nowhere');
    await attempt(db, how, 'SELEC');
    for (const value of [5, 'abc', 2.5, null, true]) await attempt(db, how, 'SELECT ?, COALESCE(?, 1)', [value, value]);
    await attempt(db, how, 'SELECT DATABASE(), @@autocommit, @@sql_mode = @@global.sql_mode');
  }
  for (let n = 0; n < 300; n++) await db.execute('INSERT INTO node_rows (name, price, body) VALUES (?, ?, ?)', [`n${n}`, n, `body ${n}`]);
  await attempt(db, 'query', 'SELECT COUNT(*), SUM(price), MAX(LENGTH(body)) FROM node_rows');
  const statements = await Promise.all([1, 2, 3].map(() => db.prepare('SELECT id FROM node_rows WHERE id <= ? ORDER BY id')));
  for (const [number, statement] of statements.entries()) console.log('prepared', shown((await statement.execute([number + 1]))[0]));
  for (const statement of statements) await statement.close();
  await db.beginTransaction();
  await attempt(db, 'query', "DELETE FROM node_rows WHERE name LIKE 'n2%'");
  await attempt(db, 'query', 'SAVEPOINT s');
  await attempt(db, 'execute', "DELETE FROM node_rows WHERE name LIKE 'n3%'");
  await attempt(db, 'query', 'ROLLBACK TO SAVEPOINT s');
  await db.rollback();
  await attempt(other, 'query', 'SELECT COUNT(*) FROM node_rows');
  await attempt(db, 'query', "SELECT 1 AS a; SELECT 2 AS b, 'x' AS c; SELECT * FROM nowhere");
  await attempt(db, 'query', 'SET @own = 41');
  await attempt(db, 'query', 'SELECT @own + 1');
  await attempt(other, 'query', 'SELECT @own');
  await db.query('DROP PROCEDURE IF EXISTS node_sets');
  await attempt(db, 'query', "CREATE PROCEDURE node_sets(IN a INT, OUT b INT) BEGIN SELECT a; SELECT a + 1, 'x'; SET b = a * 2; END");
  await attempt(db, 'query', 'CALL node_sets(20, @out); SELECT @out');
  writeFileSync('rows.txt', Array.from({ length: 2000 }, (_, n) => `${n + 1000}\tloaded ${n}\n`).join(''));
  await attempt(db, 'query', "LOAD DATA LOCAL INFILE 'rows.txt' INTO TABLE node_rows (id, name)");
  await attempt(db, 'query', 'SELECT COUNT(*), MAX(name) FROM node_rows');
  const long = 'z'.repeat(17 << 20);
  await db.query('SET @own = NULL');
  const [[{ length }]] = await db.query('SELECT LENGTH(?) AS length', [long]);
  console.log('long', length);
  await db.ping();
  await db.changeUser({ user: 'app', password: 'apppw', database: 'plain' });
  await attempt(db, 'query', 'SELECT @own, DATABASE()');
  const pool = mysql.createPool({ ...settings, connectionLimit: 3 });
  console.log('pool', shown(await Promise.all(Array.from({ length: 20 }, async (_, n) => (await pool.execute('SELECT ? + 1 AS next', [n]))[0][0].next))));
  await pool.end();
  await mysql.createConnection({ ...settings, password: 'wrong' }).catch((error) => console.log('refused', error.errno, error.sqlState, error.sqlMessage));
  await mysql.createConnection({ ...settings, database: 'nowhere_at_all' }).catch((error) => console.log('refused', error.errno, error.sqlState, error.sqlMessage));
  await db.end();
  await other.end();
}

main().catch((error) => { console.error(error); process.exit(1); });
