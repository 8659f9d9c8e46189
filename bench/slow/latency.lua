-- A chat call as a client sends it; at the end "figures P50 P99 REQUESTS_PER_SECOND".
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{"model":"sora2-landscape-10s","messages":[{"role":"user","content":"A lighthouse in fog"}],"stream":false}]]

function done(summary, latency)
    print(string.format("figures %d %d %d", latency:percentile(50), latency:percentile(99),
                        summary.requests / (summary.duration / 1e6)))
end
