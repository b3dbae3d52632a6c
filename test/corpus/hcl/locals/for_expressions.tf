locals {
  upper   = [for s in var.names : upper(s)]
  indexed = { for i, s in var.names : s => i }
  grouped = { for u in var.users : u.role => u.name... }
  pairs = flatten([
    for az in var.azs : [
      for n in range(2) : {
        az = az
        n  = n
      }
    ]
  ])
  filtered = {
    for k, v in var.groups :
    k => merge(v, { min = max(v.min, 1) })
    if v.enabled && !contains(["old", "older"], k)
  }
  splat = aws_instance.web[*].private_ip
  old   = aws_instance.web.*.id
}
