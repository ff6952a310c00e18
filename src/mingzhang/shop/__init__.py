"""Who the shop is to its buyers: name, logo, colour, notice, support, licence; every version is kept (R42, R45)."""
