-- Rows of an application that nobody runs: 100,000 lines a file, 50 files a day, of two applications in turn; eight lines a
-- start. {from} and {count} say which.
INSERT INTO rows (file_id,load,line,part,cluster,path,app,channel,level,file_time,time,text,fields)
WITH
  intDiv(number, 100000) AS file, intDiv(file, 50) AS d, number % 100000 AS l, intDiv(number, 8) AS s, number % 8 AS e, cityHash64(number) AS h, cityHash64(s) AS hs,
  toUInt64(1793491200000) + d * 86400000 AS day_ms,
  day_ms + l * 860 + h % 800 AS at_ms,
  concat('u', toString(hs % (50000 * (d + 1)))) AS user, concat('s', toString(s)) AS start,
  ['render','login','sync','pay','cache','upload','search','crash-report'][1 + least(h % 8, intDiv(h, 8) % 8)] AS process,
  concat('ad-', toString(least(h % 500, intDiv(h, 500) % 500))) AS popup,
  ['北京','上海','手机','世界杯','天气','gold','train','价格','地铁','iphone','决赛','tickets','电影','小说','游戏','音乐','医院','大学','股票','房价','足球','price','news','考试','旅游','火车票','飞机票','美食','健康','汽车'] AS w,
  concat(w[1 + least(h % 30, intDiv(h, 30) % 30)], ' ', w[1 + intDiv(h, 900) % 30], if(h % 3 = 0, concat(' ', w[1 + intDiv(h, 27000) % 30]), '')) AS topic,
  fromUnixTimestamp64Milli(toInt64(at_ms), 'UTC') AS t,
  multiIf(e = 0, 'start', e < 4, 'call', e = 4, 'popup', e = 5, 'search', e = 6, 'read', 'beat') AS event,
  multiIf(e = 0, map('event', event, 'user', user, 'start', start), e < 4, map('event', event, 'user', user, 'start', start, 'process', process), e = 4, map('event', event, 'user', user, 'start', start, 'popup', popup), e < 7, map('event', event, 'user', user, 'start', start, 'topic', topic), map('event', event, 'user', user, 'start', start)) AS f
SELECT toFixedString(unhex(lower(hex(sipHash128(file)))),16), 0, l + 1, 0, concat('hdfs-', toString(file % 3)), concat('/logs/app/', toString(d), '/part-', leftPad(toString(file), 6, '0'), '.log.gz'), if(file % 2 = 0, 'shop', 'web'), concat('c', toString(h % 2)),
  ['INFO','INFO','INFO','INFO','INFO','WARN','ERROR','DEBUG'][1 + intDiv(h,7) % 8], fromUnixTimestamp64Milli(toInt64(day_ms + 86400000 - 1000 - file % 50), 'UTC'), t,
  concat('{"time":"', formatDateTime(t, '%Y-%m-%dT%H:%i:%S'), '.', leftPad(toString(at_ms % 1000), 3, '0'), 'Z","event":"', event, '","user":"', user, '","start":"', start, '"', multiIf(e=0,'',e<4,concat(',"process":"',process,'","ms":',toString(h%5000)),e=4,concat(',"popup":"',popup,'"'),e<7,concat(',"topic":"',topic,'"'),concat(',"heap":',toString(h%4000000))), '}'), f
FROM numbers({from}, {count})
SETTINGS max_insert_threads=1, max_threads=1, async_insert=0
