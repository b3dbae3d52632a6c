locals {
  json     = jsonencode({ replicas = 3, image = "nginx:1.25", env = [{ name = "A", value = "1" }] })
  yaml     = yamlencode({ a = 1 })
  file     = file("${path.module}/files/user-data.sh")
  template = templatefile("${path.module}/t.tftpl", { count = 3, name = local.name })
  coalesce = coalesce(var.a, "default")
  try      = try(var.b.c.d, [], 5)
  expanded = max([1, 2, 3]...)
  format   = format("%s-%03d-%%", "x", 7)
  regex    = regexall("[a-z]+\\.[0-9]{1,3}", "abc.123")
  provider = provider::aws::arn_parse("arn:aws:iam::444455556666:role/example")
  time     = timeadd("2024-01-01T00:00:00Z", "24h")
}
