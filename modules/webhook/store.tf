module "store" {
  source = "../store"

  name                       = "${var.name}-events"
  deletion_protection        = var.deletion_protection
  receipts                   = var.receipts
  max_write_units_per_second = var.max_write_units_per_second
  max_read_units_per_second  = var.max_read_units_per_second
}
