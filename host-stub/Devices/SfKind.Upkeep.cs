namespace ACCOffload.HostStub.Devices;

/// <content>Subfunctions that are kept warm: an ADD that finds one need not wait for its driver.</content>
internal sealed partial class SfKind
{
    public IReadOnlyList<UpkeepStep> Upkeep(IReadOnlySet<string> inUse, IReadOnlySet<string> setAside)
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
            bool IsOpen(uint number) => !_making.Contains(number) && !inUse.Contains(NameOf(number)) && !setAside.Contains(NameOf(number));
            var warm = _making.Count + ports.Count(p => IsOpen(p.SfNumber!.Value) && links.ContainsKey(p.SfNumber.Value));
            var steps = new List<UpkeepStep>();
            // First what is there and asleep.
            foreach (var number in ports.Where(p => p.FunctionActive == false).Select(p => p.SfNumber!.Value).Where(IsOpen).ToArray())
            {
                Add(number);
            }

            while (Unused(ports, IsOpen) is { } number && warm < config.Warm)
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
                _making.Add(number);
                steps.Add(new UpkeepStep(NameOf(number), () => Warm(number)));
            }
        }
    }

    private void Warm(uint number)
    {
        try
        {
            using var host = hardware.OpenLinks();
            Make(number, default, host);
        }
        finally
        {
            lock (_lock)
            {
                _making.Remove(number);
            }
        }
    }
}
