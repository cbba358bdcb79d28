"""Search for good options: trials on train and validation molecules, a study that goes on."""
