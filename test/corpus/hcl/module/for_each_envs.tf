module "cluster" {
  source   = "./cluster"
  for_each = { dev = 1, staging = 2, prod = 6 }

  name    = each.key
  nodes   = each.value
  backups = each.key == "prod"
}
