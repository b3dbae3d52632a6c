resource "aws_eks_node_group" "v011" {
  cluster_name    = "${aws_eks_cluster.main.name}"
  node_group_name = "${var.prefix}-workers"
  subnet_ids      = ["${aws_subnet.a.id}", "${aws_subnet.b.id}"]

  scaling_config {
    desired_size = "${var.desired}"
    max_size     = "4"
    min_size     = "1"
  }

  lifecycle {
    ignore_changes = ["scaling_config.0.desired_size"]
  }
}
