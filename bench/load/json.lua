-- A chat call as a client sends it.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = [[{"model":"sora2-landscape-10s","messages":[{"role":"user","content":"A lighthouse in fog, seen from a small boat at dusk, slow dolly in"}],"stream":false}]]
