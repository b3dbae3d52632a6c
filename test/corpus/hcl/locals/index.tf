locals {
  first   = var.list[0]
  by_key  = var.map["key"]
  by_var  = var.map[var.key]
  deep    = var.a["b"][0].c
  legacy  = var.list.0
  literal = { a = 1 }["a"]
  tuple   = [10, 20][1]
  group   = module.eks.eks_managed_node_groups["general"].node_group_id
}
