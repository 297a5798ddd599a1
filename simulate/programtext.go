package simulate

// programText describes programs: a head of name, share, flags (b browser, p
// phone, m machine, c crawler, d thing), connections, version and weeks between
// releases, then the agent, then lines. Orders are those of the real programs.
const programText = `
= chrome-windows 24 b 6 145 4
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36
Host: {host}
Connection: keep-alive
Content-Length: {length}
sec-ch-ua-platform: "Windows"
Authorization: {auth}
X-Api-Key: {key}
User-Agent: {ua}
sec-ch-ua: {brand}
Content-Type: {type}
sec-ch-ua-mobile: ?0
Accept: */*
Origin: {origin}
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: {referer}
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: {lang}
Cookie: {cookie}
= chrome-mac 9 b 6 145 4
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36
Host: {host}
Connection: keep-alive
Content-Length: {length}
sec-ch-ua-platform: "macOS"
Authorization: {auth}
X-Api-Key: {key}
User-Agent: {ua}
sec-ch-ua: {brand}
Content-Type: {type}
sec-ch-ua-mobile: ?0
Accept: */*
Origin: {origin}
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: {referer}
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: {lang}
Cookie: {cookie}
= chrome-android 16 bp 6 145 4
Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36
Host: {host}
Connection: keep-alive
Content-Length: {length}
sec-ch-ua-platform: "Android"
Authorization: {auth}
X-Api-Key: {key}
User-Agent: {ua}
sec-ch-ua: {brand}
Content-Type: {type}
sec-ch-ua-mobile: ?1
Accept: */*
Origin: {origin}
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: {referer}
Accept-Encoding: gzip, deflate, br
Accept-Language: {lang}
Cookie: {cookie}
= edge 6 b 6 145 4
Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Safari/537.36 Edg/{v}.0.0.0
Host: {host}
Connection: keep-alive
Content-Length: {length}
sec-ch-ua-platform: "Windows"
Authorization: {auth}
X-Api-Key: {key}
User-Agent: {ua}
sec-ch-ua: {brand}
DNT: 1
Content-Type: {type}
sec-ch-ua-mobile: ?0
Accept: */*
Origin: {origin}
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: {referer}
Accept-Encoding: gzip, deflate, br, zstd
Accept-Language: {lang}
Cookie: {cookie}
= firefox 8 b 6 147 4
Mozilla/5.0 (X11; Linux x86_64; rv:{v}.0) Gecko/20100101 Firefox/{v}.0
Host: {host}
User-Agent: {ua}
Accept: application/json, text/plain, */*
Accept-Language: {lang}
Accept-Encoding: gzip, deflate, br, zstd
Content-Type: {type}
Content-Length: {length}
Authorization: {auth}
X-Api-Key: {key}
Origin: {origin}
Connection: keep-alive
Referer: {referer}
Cookie: {cookie}
Sec-Fetch-Dest: empty
Sec-Fetch-Mode: cors
Sec-Fetch-Site: same-origin
Priority: u=4
= safari-mac 8 b 6 19 26
Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.2 Safari/605.1.15
Host: {host}
Content-Type: {type}
Accept: */*
Authorization: {auth}
X-Api-Key: {key}
Sec-Fetch-Site: same-origin
Accept-Language: {lang}
Accept-Encoding: gzip, deflate, br
Sec-Fetch-Mode: cors
Origin: {origin}
User-Agent: {ua}
Referer: {referer}
Content-Length: {length}
Connection: keep-alive
Sec-Fetch-Dest: empty
Cookie: {cookie}
= safari-ios 16 bp 6 19 26
Mozilla/5.0 (iPhone; CPU iPhone OS 18_7 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/{v}.2 Mobile/15E148 Safari/604.1
Host: {host}
Accept: */*
Authorization: {auth}
X-Api-Key: {key}
Content-Type: {type}
Sec-Fetch-Site: same-origin
Accept-Language: {lang}
Accept-Encoding: gzip, deflate, br
Sec-Fetch-Mode: cors
Origin: {origin}
Content-Length: {length}
User-Agent: {ua}
Referer: {referer}
Connection: keep-alive
Sec-Fetch-Dest: empty
Cookie: {cookie}
= samsung-internet 4 bp 6 28 16
Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/{v}.0 Chrome/138.0.0.0 Mobile Safari/537.36
Host: {host}
Connection: keep-alive
Content-Length: {length}
Authorization: {auth}
X-Api-Key: {key}
sec-ch-ua-platform: "Android"
User-Agent: {ua}
sec-ch-ua-mobile: ?1
Accept: */*
Content-Type: {type}
Origin: {origin}
Sec-Fetch-Site: same-origin
Sec-Fetch-Mode: cors
Sec-Fetch-Dest: empty
Referer: {referer}
Accept-Encoding: gzip, deflate, br
Accept-Language: {lang}
Cookie: {cookie}
= app-ios 40 p 4 0 0
App/{a} CFNetwork/3860.300.31 Darwin/25.2.0
Host: {host}
Content-Type: {type}
X-App-Version: {version}
Accept: application/json
Authorization: {auth}
X-Api-Key: {key}
Cookie: {cookie}
Accept-Language: {lang}
Accept-Encoding: gzip, deflate, br
X-Device-Id: {device}
User-Agent: {ua}
Content-Length: {length}
Connection: keep-alive
= app-android 52 p 5 0 0
okhttp/4.12.0
X-App-Version: {version}
X-Device-Id: {device}
Authorization: {auth}
X-Api-Key: {key}
Accept-Language: {lang}
Content-Type: {type}
Content-Length: {length}
Host: {host}
Connection: Keep-Alive
Accept-Encoding: gzip
Cookie: {cookie}
User-Agent: {ua}
= app-flutter 8 p 3 0 0
Dart/3.9 (dart:io)
User-Agent: {ua}
Accept-Encoding: gzip
Content-Length: {length}
Host: {host}
Authorization: {auth}
X-Api-Key: {key}
Cookie: {cookie}
Content-Type: {type}
X-App-Version: {version}
= python-requests 30 m 1 2 40
python-requests/2.32.{v}
Host: {host}
User-Agent: {ua}
Accept-Encoding: gzip, deflate
Accept: */*
Connection: keep-alive
Authorization: {auth}
X-Api-Key: {key}
Cookie: {cookie}
Content-Length: {length}
Content-Type: {type}
= go-http-client 18 m 4 0 0
Go-http-client/1.1
Host: {host}
User-Agent: {ua}
Content-Length: {length}
Authorization: {auth}
Cookie: {cookie}
Content-Type: {type}
X-Api-Key: {key}
Accept-Encoding: gzip
= axios 16 m 4 9 20
axios/1.{v}.4
Accept: application/json, text/plain, */*
Content-Type: {type}
Authorization: {auth}
X-Api-Key: {key}
Cookie: {cookie}
User-Agent: {ua}
Content-Length: {length}
Accept-Encoding: gzip, compress, deflate, br
Host: {host}
Connection: keep-alive
= java 14 m 4 21 26
Java-http-client/{v}.0.6
Content-Length: {length}
Host: {host}
User-Agent: {ua}
Accept: application/json
Authorization: {auth}
Content-Type: {type}
Cookie: {cookie}
X-Api-Key: {key}
= curl 8 m 1 14 10
curl/8.{v}.1
Host: {host}
User-Agent: {ua}
Accept: */*
Authorization: {auth}
X-Api-Key: {key}
Cookie: {cookie}
Content-Type: {type}
Content-Length: {length}
= guzzle 8 m 1 9 60
GuzzleHttp/7
Host: {host}
User-Agent: {ua}
Authorization: {auth}
X-Api-Key: {key}
Cookie: {cookie}
Content-Type: {type}
Content-Length: {length}
= aiohttp 6 m 8 13 20
Python/3.13 aiohttp/3.{v}.2
Host: {host}
Authorization: {auth}
X-Api-Key: {key}
Accept: */*
Accept-Encoding: gzip, deflate, br
User-Agent: {ua}
Cookie: {cookie}
Content-Length: {length}
Content-Type: {type}
= googlebot 40 c 2 145 4
Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{v}.0.0.0 Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)
Host: {host}
Connection: keep-alive
Accept: text/html,application/xhtml+xml,application/signed-exchange;v=b3,application/xml;q=0.9,*/*;q=0.8
From: googlebot(at)googlebot.com
User-Agent: {ua}
Accept-Encoding: gzip, deflate, br
= bingbot 25 c 2 145 4
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/{v}.0.0.0 Safari/537.36
Cache-Control: no-cache
Connection: Keep-Alive
Pragma: no-cache
Accept: */*
Accept-Encoding: gzip, deflate, br
From: bingbot(at)microsoft.com
Host: {host}
User-Agent: {ua}
= gptbot 20 c 2 1 0
Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.3; +https://openai.com/gptbot)
Accept: */*
From: gptbot(at)openai.com
User-Agent: {ua}
Accept-Encoding: gzip, br, deflate
Host: {host}
= device 10 d 1 5 30
ESP32 HTTP Client/1.{v}
User-Agent: {ua}
Host: {host}
X-Api-Key: {key}
Authorization: {auth}
Cookie: {cookie}
Content-Type: {type}
Content-Length: {length}
= uptime 10 m 1 0 0
Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)
Host: {host}
User-Agent: {ua}
Accept-Language: en-US,en;q=0.8
Authorization: {auth}
X-Api-Key: {key}
Content-Type: {type}
Content-Length: {length}
Cookie: {cookie}
Connection: close
`
