import org.apache.log4j.BasicConfigurator;
import org.apache.log4j.Logger;

/** Log4j 1.2 (reload4j) as it configures itself: its TTCC layout. */
public final class WriteLog4j1 {
    public static void main(String[] args) {
        BasicConfigurator.configure();
        Logger log = Logger.getLogger("com.example.billing.InvoiceService");
        log.debug("charging 3 of 7");
        log.info("charged 3 invoices: done");
        log.fatal("boom", new IllegalStateException("boom"));
    }
}
