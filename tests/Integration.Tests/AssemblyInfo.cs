// Each lab is a node with its processes: one at a time, so that a failure is the test's own.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
