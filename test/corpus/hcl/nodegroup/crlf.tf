# Written on Windows.
resource "aws_eks_node_group" "win" {
  cluster_name    = "prod"
  node_group_name = "windows"
  ami_type        = "WINDOWS_CORE_2022_x86_64"

  scaling_config {
    desired_size = 2
    max_size     = 4
    min_size     = 2
  }
}
