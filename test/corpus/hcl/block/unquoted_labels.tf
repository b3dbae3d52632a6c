service http web_proxy {
  listen_addr = "127.0.0.1:8080"
  process main {
    command = ["/usr/local/bin/awesome-app", "server"]
  }
}
