module "platform" {
  source = "./platform"

  config = {
    cluster = {
      name = "a"
      pools = [
        { name = "x", size = { min = 1, max = 3, desired = 2 } },
        { name = "y", size = { min = 0, max = 1, desired = 0 } },
      ]
      addons = {
        coredns = { replicas = 2, resources = { requests = { cpu = "100m", memory = "128Mi" }, limits = { memory = "256Mi" } } }
        "kube-proxy" = { enabled = true }
      }
    }
  }
}
