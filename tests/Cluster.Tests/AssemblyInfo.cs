// All tests share one cluster, and some of them stop parts of it.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
