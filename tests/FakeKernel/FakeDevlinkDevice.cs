using System.Globalization;
using ACCOffload.NativeInterop.Devlink;
using ACCOffload.NativeInterop.Pci;

namespace ACCOffload.FakeKernel;

/// <summary>A switch on a physical function, which supports subfunctions.</summary>
public sealed class FakeDevlinkDevice
{
    private readonly FakeHost _host;
    private readonly List<FakePort> _ports = [];
    private int _nextAuxiliary = 2;

    internal FakeDevlinkDevice(FakeHost host, FakePciFunction function)
    {
        _host = host;
        Function = function;
        Handle = DevlinkHandle.Pci(function.Address);
        _ports.Add(new FakePort(this) { Index = 0, Flavour = DevlinkPortFlavour.Physical, NetdevName = function.Netdev });
    }

    /// <summary>Its name.</summary>
    public DevlinkHandle Handle { get; }

    /// <summary>The PCI function.</summary>
    public FakePciFunction Function { get; }

    /// <summary>Mode of the switch; subfunctions require <see cref="DevlinkEswitchMode.Switchdev"/>.</summary>
    public DevlinkEswitchMode Mode { get; set; } = DevlinkEswitchMode.Switchdev;

    /// <summary>The physical function's number.</summary>
    public ushort PfNumber { get; set; }

    /// <summary>Maximum number of subfunctions.</summary>
    public int MaxSubfunctions { get; set; } = 1000;

    /// <summary>Whether it can choose the number of a subfunction.</summary>
    public bool ChoosesNumbers { get; set; } = true;

    /// <summary>
    /// Runs on its own thread after the activation of a subfunction was acknowledged. By default the driver attaches and the netdev
    /// appears.
    /// </summary>
    public Action<FakePort> Activation { get; set; } = static port =>
    {
        port.Attach();
        port.AddNetdev();
    };

    /// <summary>Its ports.</summary>
    public IReadOnlyList<FakePort> Ports
    {
        get
        {
            lock (_host.Gate)
            {
                return [.. _ports];
            }
        }
    }

    /// <summary>Its subfunctions.</summary>
    public IReadOnlyList<FakePort> Subfunctions => [.. Ports.Where(p => p.Flavour == DevlinkPortFlavour.PciSf)];

    internal FakeHost Host => _host;

    internal string NextAuxiliary() => string.Create(CultureInfo.InvariantCulture, $"fake_core.{Function.Address}.sf.{_nextAuxiliary++}");

    /// <summary>Adds a port and sends a notification.</summary>
    public FakePort Add(DevlinkPortFlavour flavour, uint? sfNumber = null, ushort? vfNumber = null, uint? controller = null)
    {
        lock (_host.Gate)
        {
            var index = flavour == DevlinkPortFlavour.PciSf ? 0x8000u : 1;
            while (_ports.Exists(p => p.Index == index))
            {
                index++;
            }

            var port = new FakePort(this)
            {
                Index = index,
                Flavour = flavour,
                PfNumber = flavour is DevlinkPortFlavour.PciPf or DevlinkPortFlavour.PciVf or DevlinkPortFlavour.PciSf ? PfNumber : null,
                SfNumber = sfNumber,
                VfNumber = vfNumber,
                Controller = controller ?? 0,
                External = controller is > 0,
            };
            _ports.Add(port);
            port.AddRepresentor();
            _host.Notify(DevlinkMessages.Port(port, DevlinkMessages.PortNew));
            return port;
        }
    }

    /// <summary>Removes a port with its function and netdevs, and sends a notification.</summary>
    public void Remove(FakePort port)
    {
        ArgumentNullException.ThrowIfNull(port);
        lock (_host.Gate)
        {
            if (!_ports.Remove(port))
            {
                return;
            }

            port.Clear();
            _host.Notify(DevlinkMessages.Port(port, DevlinkMessages.PortDelete));
        }
    }
}
