variable "name" {
  description = "Name of the table."
  type        = string
}

variable "deletion_protection" {
  description = "Whether DynamoDB refuses to delete the table, whoever asks."
  type        = bool
  default     = true
  nullable    = false
}

variable "receipts" {
  description = "Whether there is an index by request id, which is what a sender was answered with. It costs a write for each of an event's."
  type        = bool
  default     = false
  nullable    = false
}

variable "max_write_units_per_second" {
  description = "Ceiling of on-demand writes, for the table and for its indexes each: a bound on the bill, not a reservation."
  type        = number
  default     = 40000
  nullable    = false

  validation {
    condition     = var.max_write_units_per_second >= 1 && floor(var.max_write_units_per_second) == var.max_write_units_per_second
    error_message = "max_write_units_per_second is ${var.max_write_units_per_second}: set a whole number of at least 1. A ceiling that nobody reaches costs nothing."
  }
}

variable "max_read_units_per_second" {
  description = "Ceiling of on-demand reads, for the table and for its indexes each: a bound on the bill, not a reservation."
  type        = number
  default     = 40000
  nullable    = false

  validation {
    condition     = var.max_read_units_per_second >= 1 && floor(var.max_read_units_per_second) == var.max_read_units_per_second
    error_message = "max_read_units_per_second is ${var.max_read_units_per_second}: set a whole number of at least 1. A ceiling that nobody reaches costs nothing."
  }
}
