resource "aws_eks_cluster" "this" {
  version = "1.31"
}
