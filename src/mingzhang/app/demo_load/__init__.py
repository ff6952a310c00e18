"""`mingzhang load-demo`: a history of any size, true to the product, for trying and measuring (decision 0045)."""
