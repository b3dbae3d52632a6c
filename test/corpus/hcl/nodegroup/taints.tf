resource "aws_eks_node_group" "gpu" {
  cluster_name    = "ml"
  node_group_name = "gpu"
  instance_types  = ["g5.2xlarge"]
  disk_size       = 200

  scaling_config {
    desired_size = 1
    max_size     = 4
    min_size     = 0
  }

  taint {
    key    = "nvidia.com/gpu"
    value  = "true"
    effect = "NO_SCHEDULE"
  }

  taint {
    key    = "team"
    value  = "ml"
    effect = "PREFER_NO_SCHEDULE"
  }

  labels = {
    "nvidia.com/gpu.present" = "true"
    "node.acme.dev/class"    = "gpu"
  }
}
