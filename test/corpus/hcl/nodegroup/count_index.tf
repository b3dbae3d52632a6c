resource "aws_eks_node_group" "zonal" {
  count           = length(var.azs)
  cluster_name    = local.name
  node_group_name = format("%s-%s", local.name, var.azs[count.index])
  subnet_ids      = [element(var.private_subnets, count.index)]

  scaling_config {
    desired_size = 1
    max_size     = 3
    min_size     = 1
  }
}
