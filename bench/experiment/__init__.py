"""From a request to records: plan, train, encode, run, and the engines that cells run on."""
