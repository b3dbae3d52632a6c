resource "aws_eks_node_group" "tiny" {
  cluster_name    = "dev"
  node_group_name = "tiny"
  scaling_config { desired_size = 1 }
  update_config { max_unavailable_percentage = 33 }
  lifecycle { ignore_changes = all }
  timeouts { create = "30m" }
}
