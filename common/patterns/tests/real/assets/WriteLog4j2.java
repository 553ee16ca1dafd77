import org.apache.logging.log4j.Level;
import org.apache.logging.log4j.LogManager;
import org.apache.logging.log4j.Logger;
import org.apache.logging.log4j.core.config.Configurator;

/** Log4j 2 as it configures itself. */
public final class WriteLog4j2 {
    public static void main(String[] args) {
        Configurator.setRootLevel(Level.TRACE);
        Logger log = LogManager.getLogger("com.example.billing.InvoiceService");
        log.debug("charging {} of {}", 3, 7);
        log.info("charged 3 invoices: done");
        log.fatal("boom", new IllegalStateException("boom"));
    }
}
