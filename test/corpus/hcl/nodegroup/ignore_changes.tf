resource "aws_eks_node_group" "spot" {
  cluster_name           = var.cluster_name
  node_group_name_prefix = "spot-"
  capacity_type          = "SPOT"
  instance_types         = ["m5.large", "m5a.large", "m5d.large", "m4.large"]

  scaling_config {
    min_size     = 0
    max_size     = 20
    desired_size = 4 # only at creation: the cluster autoscaler has it from then on
  }

  lifecycle {
    create_before_destroy = true
    ignore_changes        = [scaling_config[0].desired_size]
  }
}
