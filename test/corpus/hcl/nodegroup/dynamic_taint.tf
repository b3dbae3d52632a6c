resource "aws_eks_node_group" "this" {
  for_each = var.node_groups

  cluster_name    = var.cluster_name
  node_group_name = each.key
  node_role_arn   = var.role_arn
  subnet_ids      = each.value.subnet_ids

  scaling_config {
    desired_size = each.value.desired_size
    max_size     = each.value.max_size
    min_size     = try(each.value.min_size, 1)
  }

  dynamic "taint" {
    for_each = lookup(each.value, "taints", [])
    iterator = t

    content {
      key    = t.value.key
      value  = lookup(t.value, "value", null)
      effect = t.value.effect
    }
  }

  tags = merge(var.tags, { Name = "${var.cluster_name}-${each.key}" })
}
