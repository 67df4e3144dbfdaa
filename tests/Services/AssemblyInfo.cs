// Each node has its processes and its traffic: one at a time, so that a failure is the test's own.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
