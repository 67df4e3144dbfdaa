// One machine for all.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
