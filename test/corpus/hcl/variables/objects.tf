variable "groups" {
  type = map(object({
    min     = number
    max     = optional(number, 5)
    desired = optional(number)
    labels  = optional(map(string), {})
    taints = optional(list(object({
      key    = string
      effect = string
    })), [])
  }))

  default = {
    general = {
      min     = 2
      desired = 3
      labels  = { "acme.dev/pool" = "general" }
    }
    spot = { min = 0, max = 50, desired = 5, taints = [{ key = "spot", effect = "NO_SCHEDULE" }] }
  }
}
