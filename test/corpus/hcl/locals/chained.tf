locals {
  base = 2
}

locals {
  twice  = local.base * 2
  picked = local.twice > 3 ? local.twice : local.base
  copied = local.base
}

output "all" {
  value = {
    base  = local.base
    twice = local.twice
    last  = [local.picked, local.copied][0]
  }
}
