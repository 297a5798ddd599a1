package accesslog

import (
	"fmt"
	"testing"

	"lapwing/parse/exchange"
)

// benchLines makes n lines of a plausible day, the same each time.
func benchLines(n int, json bool) [][]byte {
	agents := []string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36",
		"okhttp/4.12.0", "python-requests/2.32.3", "ShopApp/5.4.1 (iPhone; iOS 17.5; Scale/3.00)",
	}
	paths := []string{"/v1/orders/%d", "/v1/products?page=%d&sort=price", "/v1/users/%d/cart", "/v1/search?q=lamp&offset=%d"}
	out := make([][]byte, n)
	for i := range out {
		ip := fmt.Sprintf("11.0.%d.%d", i*7%256, i*13%256)
		path := fmt.Sprintf(paths[i%4], i*31)
		s := i / 500
		if json {
			out[i] = fmt.Appendf(nil, `{"time":"2026-01-01T%02d:%02d:%02d.%03dZ","remote_addr":"%s","method":"GET","host":"api.example.com","uri":"%s","protocol":"HTTP/1.1","status":200,"body_bytes_sent":%d,"request_length":%d,"request_time":0.%03d,"referer":"https://shop.example.com/cart","user_agent":"%s","request_id":"%032x"}`,
				s/3600, s/60%60, s%60, i%500*2, ip, path, i*17%20000, 300+i%900, i%400, agents[i%4], i)
		} else {
			out[i] = fmt.Appendf(nil, `%s - - [01/Jan/2026:%02d:%02d:%02d +0000] "GET %s HTTP/1.1" 200 %d "https://shop.example.com/cart" "%s"`,
				ip, s/3600, s/60%60, s%60, path, i*17%20000, agents[i%4])
		}
	}
	all := make([]byte, 0, 500*n) // one block, as a reader hands them out
	for i, l := range out {
		all = append(all, l...)
		out[i] = all[len(all)-len(l) : len(all) : len(all)]
	}
	return out
}

func benchmark(b *testing.B, spec string, lines [][]byte) {
	f, err := Compile(spec)
	if err != nil {
		b.Fatal(err)
	}
	total := 0
	for _, l := range lines {
		total += len(l)
	}
	var raw exchange.Raw
	b.ReportAllocs()
	b.SetBytes(int64(total / len(lines)))
	b.ResetTimer()
	for i := range b.N {
		if err := f.Parse(lines[i%len(lines)], &raw); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds()/1e6, "Mlines/s")
}

func BenchmarkCombined(b *testing.B) { benchmark(b, "combined", benchLines(10000, false)) }

func BenchmarkJSON(b *testing.B) { benchmark(b, "json", benchLines(10000, true)) }

func BenchmarkLogFormat(b *testing.B) {
	benchmark(b, `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"`, benchLines(10000, false))
}
