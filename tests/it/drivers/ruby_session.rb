# mysql2 of Ruby at work; the output must not depend on who answers. Arguments: port, family.
require 'mysql2'
# A statement that is collected while another one's rows are read takes them along, in this driver.
GC.disable

PORT, FAMILY = ARGV[0].to_i, ARGV[1]
def connect(password = 'apppw')
  Mysql2::Client.new(host: '127.0.0.1', port: PORT, username: 'app', password: password, database: 'plain', encoding: 'utf8mb4',
                     local_infile: true, flags: Mysql2::Client::MULTI_STATEMENTS, reconnect: false)
end

def attempt(db, statement, *values)
  result = values.empty? ? db.query(statement, as: :array) : db.prepare(statement).execute(*values, as: :array)
  said = result ? [result.fields, result.to_a] : nil
  puts "#{statement[0, 70]} -> #{db.affected_rows} #{db.last_id} #{db.warning_count} #{said.inspect}"
rescue Mysql2::Error => e
  puts "#{statement[0, 70]} -> #{e.error_number} #{e.sql_state} #{e.message}"
end

db = connect
db.query('DROP TABLE IF EXISTS ruby_rows')
attempt(db, 'CREATE TABLE ruby_rows (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(50) UNIQUE, price DECIMAL(10,2), at DATETIME(3), body LONGBLOB, ratio DOUBLE, day DATE)')
attempt(db, 'INSERT INTO ruby_rows (name, price, at, ratio, day) VALUES (?, ?, ?, ?, ?)', 'größe', 12.25, Time.utc(2024, 2, 29, 1, 2, 3), 0.5, '2024-01-01')
attempt(db, 'INSERT INTO ruby_rows (name, price) VALUES (?, ?)', 'none', nil)
attempt(db, 'INSERT INTO ruby_rows (name) VALUES (?)', 'none')
attempt(db, 'SELECT * FROM ruby_rows ORDER BY id')
attempt(db, 'SELECT * FROM ruby_rows WHERE id > ? ORDER BY id', 0)
attempt(db, 'UPDATE ruby_rows SET price = price + 1')
attempt(db, "SELECT CAST('12abc' AS SIGNED)")
attempt(db, 'SHOW WARNINGS')
attempt(db, 'SELECT * FROM nowhere')
attempt(db, 'SELEC')
[5, 'abc', 2.5, nil, 2**62].each { |value| attempt(db, 'SELECT ?, COALESCE(?, 1)', value, value) }
insert = db.prepare('INSERT INTO ruby_rows (name, price, body) VALUES (?, ?, ?)')
(1..50).each { |n| insert.execute("n#{n}", n, "bytes \x01'#{n}") }
insert.execute('long', 1, 'a' * 140_000)
puts "prepared #{insert.affected_rows} #{insert.last_id} #{insert.param_count} #{insert.field_count}"
attempt(db, 'SELECT COUNT(*), SUM(price), MAX(LENGTH(body)) FROM ruby_rows')
sum = 0
db.query('SELECT id FROM ruby_rows ORDER BY id', stream: true, cache_rows: false).each { |row| sum += row['id'] }
puts "streamed #{sum}"
attempt(db, 'BEGIN')
attempt(db, "DELETE FROM ruby_rows WHERE name LIKE 'n2%'")
attempt(db, 'SAVEPOINT s')
attempt(db, "DELETE FROM ruby_rows WHERE name LIKE 'n3%'")
attempt(db, 'ROLLBACK TO SAVEPOINT s')
attempt(db, 'ROLLBACK')
attempt(db, 'SELECT COUNT(*) FROM ruby_rows')
attempt(db, 'SET @own = 41')
attempt(db, 'SELECT @own + 1, @@autocommit, DATABASE()')
attempt(db, "SET SESSION time_zone = '+05:00', sql_mode = 'ANSI_QUOTES'")
attempt(db, 'SELECT @@time_zone, "id" FROM ruby_rows ORDER BY id LIMIT 1')
first = db.query("SELECT 1 AS a; SELECT 2 AS b, 'x' AS c; SELECT * FROM nowhere", as: :array)
puts first.to_a.inspect
begin
  puts db.store_result.to_a.inspect while db.next_result
rescue Mysql2::Error => e
  puts "several: #{e.error_number} #{e.message}"
end
File.write('rows.txt', (1000..3000).map { |n| "#{n}\tloaded #{n}\n" }.join)
attempt(db, "LOAD DATA LOCAL INFILE 'rows.txt' INTO TABLE ruby_rows (id, name)")
attempt(db, 'SELECT COUNT(*), MAX(name) FROM ruby_rows')
db.query('DROP PROCEDURE IF EXISTS ruby_sets')
attempt(db, "CREATE PROCEDURE ruby_sets(IN a INT) BEGIN SELECT a; SELECT a + 1, 'x'; END")
call = db.query('CALL ruby_sets(20)', as: :array)
loop do
  puts "set #{call.to_a.inspect}" if call
  break unless db.next_result
  call = db.store_result
end
puts "ping #{db.ping} escaped #{db.escape("a'b\\c")} encoding #{db.encoding}"
other = connect
attempt(other, 'SELECT @own, @@time_zone = @@global.time_zone, @@sql_mode = @@global.sql_mode')
other.select_db('plain')
attempt(other, 'SELECT DATABASE()')
db.close
attempt(other, 'SELECT 1')
begin
  connect('wrong')
rescue Mysql2::Error => e
  puts "refused #{e.error_number} #{e.message}"
end
