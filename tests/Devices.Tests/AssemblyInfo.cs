// All tests share one machine.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
