namespace ACCOffload.HostStub.Devices;

/// <content>Free subfunctions that are kept ready, so that an ADD need not wait for the driver.</content>
internal sealed partial class SfKind
{
    public IReadOnlyList<PoolStep> PoolSteps(IReadOnlySet<string> inUse, IReadOnlySet<string> quarantined)
    {
        if (config.Warm == 0)
        {
            return [];
        }

        using var host = hardware.OpenLinks();
        var ports = Ports();
        var links = Links(host);
        lock (_lock)
        {
            bool IsAvailable(uint number) =>
                !_creating.Contains(number) && !inUse.Contains(NameOf(number)) && !quarantined.Contains(NameOf(number));
            var warm = _creating.Count + ports.Count(p => IsAvailable(p.SfNumber!.Value) && links.ContainsKey(p.SfNumber.Value));
            var steps = new List<PoolStep>();
            // Inactive ones first.
            foreach (var number in ports.Where(p => p.FunctionActive == false).Select(p => p.SfNumber!.Value).Where(IsAvailable).ToArray())
            {
                Add(number);
            }

            while (UnusedNumber(ports, IsAvailable) is { } number && warm < config.Warm)
            {
                Add(number);
            }

            return steps;

            void Add(uint number)
            {
                if (warm >= config.Warm)
                {
                    return;
                }

                warm++;
                _creating.Add(number);
                steps.Add(new PoolStep(NameOf(number), () => Warm(number)) { IsDevice = true });
            }
        }
    }

    private void Warm(uint number)
    {
        try
        {
            using var host = hardware.OpenLinks();
            Activate(number, default, host);
        }
        finally
        {
            lock (_lock)
            {
                _creating.Remove(number);
            }
        }
    }
}
