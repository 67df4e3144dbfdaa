// Each lab is a node with its processes. They run one at a time, so that labs can't cause failures in other tests.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
