"""The contract suite for channels and suppliers: `mingzhang channel check NAME`, and tests/contract."""
