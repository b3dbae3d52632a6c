check "health" {
  data "http" "endpoint" {
    url = "https://api.example.com/healthz"
    retry {
      attempts     = 3
      min_delay_ms = 500
    }
  }

  assert {
    condition     = data.http.endpoint.status_code == 200
    error_message = "${data.http.endpoint.url} is down"
  }
}
